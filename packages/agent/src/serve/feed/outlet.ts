/**
 * The way from a session to its receiver, whatever carries it.
 *
 * INVARIANT: what is sent arrives in this order, or the outlet ends. `send` waits while more is under way than the
 * outlet holds, so that a receiver that does not read costs a few frames of memory. Once it has ended, nothing more
 * arrives, `send` resolves at once, and whoever sleeps wakes up.
 */
import type { ProtocolError } from '@rootferry/protocol'

export interface OutletEvents {
  message(data: Buffer, isBinary: boolean): void
  /** @returns milliseconds to rest before the next send */
  sent(bytes: number): number
  /** Comes once. @param code of a close frame; 1006: the way was lost */
  closed(code: number, reason: string): void
}

export interface Outlet {
  readonly lastHeardAt: Date
  readonly isClosed: boolean
  /**
   * A text is one message, bytes are a part of a segment.
   * @param left called when the data is out of the sender's hands, or when that cannot happen any more
   */
  send(data: string | Uint8Array, left?: (() => void) | null): Promise<void>
  /** Resolves at the next `wakeUp`, when data has left, or when the outlet ends. */
  sleep(): Promise<void>
  wakeUp(): void
  close(error: ProtocolError): void
}
