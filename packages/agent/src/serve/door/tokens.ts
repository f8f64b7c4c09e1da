/**
 * Bearer tokens: which clients may connect, and which may administer. The file holds SHA-256 hashes only.
 *
 * The file is the authority and small: every change by the command line replaces it in one step, and the running agent
 * reads it again when it changes. A token is 256 random bits, so a plain hash is no weaker than a slow one.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { EXIT, errorCode, errorMessage, Failure, withFileLock, writeDurably } from '@rootferry/host/machine'
import { RootName } from '@rootferry/protocol'
import Type, { type Static } from 'typebox'
import { Check } from 'typebox/value'

const NAME_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'

const StoredToken = Type.Object(
  {
    name: Type.String({ pattern: NAME_PATTERN }),
    sha256: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
    /** `read`: an admin's token that may look at everything and change nothing. */
    admin: Type.Union([Type.Boolean(), Type.Literal('read')]),
    /** The roots that a receiver may have; null: every root, including roots that are added later. */
    roots: Type.Union([Type.Array(RootName), Type.Null()]),
    createdAt: Type.String({ maxLength: 40 }),
    /** From then on the token is useless. At a join it is exchanged for one that stays. */
    expiresAt: Type.Optional(Type.String({ maxLength: 40 })),
    /** A token of many nodes, each of which gets a name of its own. */
    many: Type.Optional(
      Type.Object({ forgetAfterSeconds: Type.Integer({ minimum: 1 }) }, { additionalProperties: false }),
    ),
  },
  { additionalProperties: false },
)
const TokenFile = Type.Object(
  { version: Type.Literal(1), tokens: Type.Array(StoredToken) },
  { additionalProperties: false },
)
export type StoredToken = Static<typeof StoredToken>

export function tokenFileOf({ stateDir }: { stateDir: string }): string {
  return join(stateDir, 'tokens.json')
}

/** @throws Failure when the file exists and cannot be understood */
export function readTokens(file: string): StoredToken[] {
  return storedTokens(file) ?? []
}

/** Null: there is no file. @throws Failure when the file exists and cannot be understood */
export function storedTokens(file: string): StoredToken[] | null {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null
    throw new Failure(EXIT.failed, `${file}: ${errorMessage(error)}`, { cause: error })
  }
  const value = parse(text)
  if (!Check(TokenFile, value)) throw new Failure(EXIT.badConfiguration, `${file}: is not a token file of this version`)
  return value.tokens
}

/** An admin token grants no root. */
export function grants({ admin, roots }: StoredToken, root: string): boolean {
  return admin === false && (roots === null || roots.includes(root))
}

/** @param taken names of nodes. @returns the token, which is stored nowhere. @throws Failure when the name is taken or not a valid name */
export function createToken(
  file: string,
  asked: Omit<StoredToken, 'sha256' | 'createdAt'>,
  now: Date,
  taken: readonly string[] = [],
): string {
  const { name } = asked
  if (!new RegExp(NAME_PATTERN).test(name)) {
    throw new Failure(
      EXIT.usage,
      `'${name}' is not a valid name: letters, digits, '.', '_' and '-' are accepted, at most 63`,
    )
  }
  const { token, sha256 } = mintToken()
  change(file, (tokens) => {
    if (tokens.some((known) => known.name === name)) {
      throw new Failure(EXIT.failed, `a token named ${name} exists already: revoke it first`)
    }
    if (taken.includes(name)) throw new Failure(EXIT.failed, `a node is named ${name}: choose another name`)
    return [...tokens, { ...asked, sha256, createdAt: now.toISOString() }]
  })
  return token
}

/** Replaces a token that expires by one that does not. @returns the new token; null when there is nothing to replace */
export function exchangeToken(file: string, sha256: string): string | null {
  const minted = mintToken()
  let isFound = false
  change(file, (tokens) =>
    tokens.map((stored) => {
      if (stored.sha256 !== sha256 || stored.expiresAt === undefined || stored.many !== undefined) return stored
      isFound = true
      const { expiresAt: _, ...lasting } = stored
      return { ...lasting, sha256: minted.sha256 }
    }),
  )
  return isFound ? minted.token : null
}

export function isExpired({ expiresAt }: StoredToken, now: Date): boolean {
  return expiresAt !== undefined && now.getTime() >= Date.parse(expiresAt)
}

/** @throws Failure when there is no token of that name */
export function revokeToken(file: string, name: string): void {
  change(file, (tokens) => {
    const left = tokens.filter((token) => token.name !== name)
    if (left.length === tokens.length) throw new Failure(EXIT.failed, `there is no token named ${name}`)
    return left
  })
}

/** A new token, and the hash of it that may be stored. */
export function mintToken(): { token: string; sha256: string } {
  const token = `rf_${randomBytes(32).toString('base64url')}`
  return { token, sha256: hashOf(token) }
}

/** The stored token that equals `presented`, or null. Takes the same time whichever it is. */
export function findToken(tokens: readonly StoredToken[], presented: string): StoredToken | null {
  const hash = Buffer.from(hashOf(presented))
  let found: StoredToken | null = null
  for (const token of tokens) if (timingSafeEqual(hash, Buffer.from(token.sha256))) found = token
  return found
}

/** The token of an `Authorization: Bearer …` header, or null. */
export function bearerOf(header: string | undefined): string | null {
  return /^Bearer +([A-Za-z0-9._~+/-]{1,256}=*)$/i.exec(header ?? '')?.[1] ?? null
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}

/** Two commands at once do not undo each other's change. */
function change(file: string, work: (tokens: StoredToken[]) => StoredToken[]): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  withFileLock(file, () => {
    const tokens = work(readTokens(file))
    writeDurably(file, `${JSON.stringify({ version: 1, tokens }, null, 2)}\n`, 0o600)
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The schema check reports it: this is not a token file.
    return null
  }
}
