/**
 * The way from one root to its agent, whatever carries it: `socket-link.ts` is the WebSocket.
 *
 *   tell('hello') ─▶ greet(position) ─▶ connected, frames … ─▶ tell('disconnected'), disconnected ─▶ by itself again
 *
 * INVARIANT: every connection begins by asking the disk thread for its position, and its first frame is a welcome.
 * Frames come in the order in which the agent sent them. What is sent before `greet` belongs to the former connection,
 * and is dropped.
 */
import type { CloseReason } from '@rootferry/protocol'
import type { Frame, HelloPosition, ToDisk } from '../../root-messages.ts'
import type { Address } from './dial.ts'

export interface LinkOptions {
  root: string
  software: string
  address: Address
}

export interface LinkEvents {
  /** For the disk thread, as are frames. */
  tell(message: Exclude<ToDisk, { type: 'frames' }>): void
  frame(frame: Frame): void
  connected(): void
  /** `error` is the reason in one line; null when the end was requested. */
  disconnected(error: string | null): void
  /** The log is read, or why it is not and the agent is dialled; `isForged`: it has messages that are not the agent's. */
  log(why: string | null, isForged: boolean): void
}

export interface Link {
  start(): void
  /** The agent's address, its identity or the token has changed: from now on the agent is reached with these. */
  renew(address: Address): void
  /** The disk thread's answer to `hello`: from here on its messages are for this connection. */
  greet(position: HelloPosition): void
  /** An encoded message for the agent. */
  send(message: string): void
  /** Something of what came over the connection was committed, or is staged and need not come again. */
  worked(): void
  /** Segment bytes were staged: as many more may come. */
  consumed(bytes: number): void
  /** Ends the connection because of its content; comes back later. */
  abort(reason: CloseReason, message: string): void
  stop(): void
}
