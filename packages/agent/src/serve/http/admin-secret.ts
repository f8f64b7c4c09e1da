/**
 * How the command line reaches a running agent without a token: the agent leaves its address and a token of this life
 * in stateDir. A user who may read that directory controls the agent anyway.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { EXIT, errorCode, errorMessage, Failure, writeDurably } from '@rootferry/host/machine'
import Type, { type Static } from 'typebox'
import { Check } from 'typebox/value'
import { mintToken, type StoredToken } from '../door/tokens.ts'

const AdminSecret = Type.Object({ url: Type.String(), token: Type.String() }, { additionalProperties: false })
export type AdminSecret = Static<typeof AdminSecret>

export class AdminAccess {
  readonly #token: string
  readonly stored: StoredToken

  constructor(now: Date) {
    const { token, sha256 } = mintToken()
    this.#token = token
    this.stored = { name: 'command-line', sha256, admin: true, roots: null, createdAt: now.toISOString() }
  }

  /** Writes the secret for the command line. @param url where the admin API listens */
  publish(stateDir: string, url: string): void {
    writeDurably(fileOf(stateDir), `${JSON.stringify({ url, token: this.#token })}\n`, 0o600)
  }
}

/** @returns null when no agent ever ran here. @throws Failure (77) when the file may not be read */
export function readAdminSecret(stateDir: string): AdminSecret | null {
  const file = fileOf(stateDir)
  try {
    const secret: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return Check(AdminSecret, secret) ? secret : null
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT') return null
    if (error instanceof SyntaxError) return null
    const exitCode = code === 'EACCES' || code === 'EPERM' ? EXIT.notPermitted : EXIT.failed
    throw new Failure(exitCode, `${file} cannot be read (${errorMessage(error)}): be its owner, or set ROOTFERRY_TOKEN`)
  }
}

function fileOf(stateDir: string): string {
  return join(stateDir, 'admin.json')
}
