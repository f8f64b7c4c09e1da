/**
 * The table of every reason that ends a connection, and the error that carries a row of it.
 *
 * Codes are stable: logs, status and scripts rely on them. Close codes are in the private range 4000–4999 of RFC 6455.
 * `retryable` says whether dialling again without a change can help, and so how long the receiver waits.
 */
import { Buffer } from 'node:buffer'

export const CLOSE_REASONS = {
  'malformed-message': { closeCode: 4400, retryable: false, sentence: 'A frame was not a message of this protocol.' },
  'unexpected-message': {
    closeCode: 4401,
    retryable: false,
    sentence: 'A message came where the exchange has no place for it.',
  },
  'limit-exceeded': {
    closeCode: 4402,
    retryable: false,
    sentence: 'A message or a stream went over a bound of the limits table.',
  },
  'root-not-granted': {
    closeCode: 4403,
    retryable: false,
    sentence: 'The token does not grant the root that was asked for.',
  },
  'unknown-root': { closeCode: 4404, retryable: false, sentence: 'The agent serves no root of that name.' },
  'content-mismatch': { closeCode: 4405, retryable: true, sentence: 'A segment disagrees with its manifest.' },
  'hello-timeout': { closeCode: 4408, retryable: true, sentence: 'No hello came in time.' },
  superseded: {
    closeCode: 4409,
    retryable: true,
    sentence: 'The same receiver opened a newer connection for this root.',
  },
  revoked: { closeCode: 4410, retryable: false, sentence: 'The token was revoked.' },
  'credit-exceeded': {
    closeCode: 4413,
    retryable: false,
    sentence: 'More segment bytes were sent than credit was given.',
  },
  'heartbeat-lost': {
    closeCode: 4415,
    retryable: true,
    sentence: 'Nothing was heard for longer than the heartbeat allows.',
  },
  'internal-error': { closeCode: 4500, retryable: true, sentence: 'A fault of this side; its log says more.' },
  'root-unavailable': { closeCode: 4503, retryable: true, sentence: 'The root cannot be served at the moment.' },
  'shutting-down': { closeCode: 1001, retryable: true, sentence: 'The daemon is stopping.' },
} as const

export type CloseReason = keyof typeof CLOSE_REASONS

/** The peer broke the protocol, or the connection must end for another reason in the table. */
export class ProtocolError extends Error {
  readonly code: CloseReason
  override name = 'ProtocolError'

  constructor(code: CloseReason, detail: string, options?: ErrorOptions) {
    super(detail, options)
    this.code = code
  }

  get closeCode(): number {
    return CLOSE_REASONS[this.code].closeCode
  }

  get retryable(): boolean {
    return CLOSE_REASONS[this.code].retryable
  }
}

/** The row of a close code that a peer sent, or null for a code without a row (1006, 1011, a proxy's own). */
export function closeReasonOf(closeCode: number): CloseReason | null {
  for (const [reason, row] of Object.entries(CLOSE_REASONS)) {
    if (row.closeCode === closeCode) return reason as CloseReason
  }
  return null
}

/** What RFC 6455 leaves of a control frame's 125 bytes once the code is in it. */
const CLOSE_TEXT_BYTES = 123

/** A message as the text of a close frame: well-formed, and cut between two characters if it is too long. */
export function closeText(message: string): string {
  const bytes = Buffer.from(message)
  let end = Math.min(bytes.byteLength, CLOSE_TEXT_BYTES)
  while (end < bytes.byteLength && ((bytes[end] ?? 0) & 0b1100_0000) === 0b1000_0000) end -= 1
  return bytes.toString('utf8', 0, end)
}
