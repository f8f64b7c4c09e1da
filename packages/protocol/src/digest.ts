/** SHA-256 of content, in the only spelling that the wire, the index and the logs use: base64url without padding. */
import { createHash, hash } from 'node:crypto'

export function digestOf(content: Uint8Array): string {
  return hash('sha256', content, 'base64url')
}

/** Digest of content that comes in pieces. */
export class DigestStream {
  readonly #hash = createHash('sha256')
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  update(piece: Uint8Array): void {
    this.#hash.update(piece)
    this.#bytes += piece.byteLength
  }

  /** Ends the stream: may be called once. */
  finish(): string {
    return this.#hash.digest('base64url')
  }
}
