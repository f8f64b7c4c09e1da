/**
 * An invitation: one line that an operator carries from the agent to a new receiver, with all it needs to join.
 *
 *   rfjoin1_<base64url of a JSON object>
 *
 * It holds a secret token, and how to know the agent before that token is shown to anybody.
 */
import { Buffer } from 'node:buffer'
import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { RootName } from './messages.ts'

const PREFIX = 'rfjoin1_'
const MOST_CHARACTERS = 64 * 1024
const MOST_ROOTS = 1_000

export const Invitation = Type.Object(
  {
    /** Where the agent listens: wss://HOST:PORT, or ws: where it does without TLS. */
    agent: Type.String({ maxLength: 300, pattern: '^wss?://[^/\\s]+$' }),
    /** Of the agent's certificate, when that is what identifies it. */
    fingerprint: Type.Union([Type.String({ pattern: '^sha256:[0-9a-f]{64}$' }), Type.Null()]),
    /** Certificates of the authority that signed the agent's, PEM, when that is what identifies it. */
    ca: Type.Union([Type.String({ maxLength: 32 * 1024 }), Type.Null()]),
    name: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' }),
    token: Type.String({ minLength: 1, maxLength: 256, pattern: '^[A-Za-z0-9._~+/=-]+$' }),
    /** The roots that the token granted when it was made, for people: the agent decides. */
    roots: Type.Array(RootName, { maxItems: MOST_ROOTS }),
  },
  { additionalProperties: false },
)
export type Invitation = Static<typeof Invitation>
const validator = Compile(Invitation)

export function encodeInvitation(invitation: Invitation): string {
  return `${PREFIX}${Buffer.from(JSON.stringify(invitation)).toString('base64url')}`
}

/** @returns null when the text is no whole invitation; what is around it does not matter where it is white space */
export function decodeInvitation(text: string): Invitation | null {
  const line = text.trim()
  if (!line.startsWith(PREFIX) || line.length > MOST_CHARACTERS) return null
  const value = parse(Buffer.from(line.slice(PREFIX.length), 'base64url').toString())
  return validator.Check(value) ? value : null
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Cut off or mistyped: the caller says what is wrong.
    return null
  }
}
