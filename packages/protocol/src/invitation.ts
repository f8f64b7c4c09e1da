/**
 * An invitation: one line that an operator carries from the agent to a new receiver, with everything that the receiver
 * needs to join.
 *
 *   rfjoin1_<base64url of a JSON object>
 *
 * It holds a secret token, and says how to recognize the agent before the token is sent.
 */
import { Buffer } from 'node:buffer'
import Type, { type Static } from 'typebox'
import { Check } from 'typebox/value'
import { RootName } from './messages.ts'

const PREFIX = 'rfjoin1_'
const MOST_CHARACTERS = 64 * 1024
const MOST_ROOTS = 1_000

export const Invitation = Type.Object(
  {
    /** Where the agent listens: wss://HOST:PORT, or ws: for an agent without TLS. */
    agent: Type.String({ maxLength: 300, pattern: '^wss?://[^/\\s]+$' }),
    /** The fingerprint of the agent's certificate, when receivers pin it. */
    fingerprint: Type.Union([Type.String({ pattern: '^sha256:[0-9a-f]{64}$' }), Type.Null()]),
    /** PEM certificates of the authority that signed the agent's certificate, when receivers check that. */
    ca: Type.Union([Type.String({ maxLength: 32 * 1024 }), Type.Null()]),
    name: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' }),
    token: Type.String({ minLength: 1, maxLength: 256, pattern: '^[A-Za-z0-9._~+/=-]+$' }),
    /** The roots that the token granted when it was made, for people; the agent decides. */
    roots: Type.Array(RootName, { maxItems: MOST_ROOTS }),
    /** The receiver reads the agent's log on NATS, as a user of its own. The fingerprint is there too. */
    nats: Type.Optional(
      Type.Object(
        {
          server: Type.String({ maxLength: 300, pattern: '^(nats|tls)://[^/\\s]+$' }),
          /** PEM certificates of the authority that signed the server's certificate; null: a public one. */
          ca: Type.Union([Type.String({ maxLength: 32 * 1024 }), Type.Null()]),
          /** Of an nkey. */
          seed: Type.String({ pattern: '^SU[A-Z2-7]{56}$' }),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
)
export type Invitation = Static<typeof Invitation>
export function encodeInvitation(invitation: Invitation): string {
  return `${PREFIX}${Buffer.from(JSON.stringify(invitation)).toString('base64url')}`
}

/** @returns null when the text is not a whole invitation; white space around it is ignored */
export function decodeInvitation(text: string): Invitation | null {
  const line = text.trim()
  if (!line.startsWith(PREFIX) || line.length > MOST_CHARACTERS) return null
  const value = parse(Buffer.from(line.slice(PREFIX.length), 'base64url').toString())
  return Check(Invitation, value) ? value : null
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The text is cut off or mistyped; the caller says so.
    return null
  }
}
