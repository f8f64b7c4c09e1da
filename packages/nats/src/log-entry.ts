/**
 * The entries of a log, as an agent's encoder makes them and a receiver's decoder takes them. Pure.
 *
 * Every message of an agent's session to its receiver is one entry, and every binary frame is one. An entry larger than a
 * broker's message goes in parts, see `LogMessage`.
 */
import type { Changeset, Welcome } from '@rootferry/protocol'
import type { Kind } from './names.ts'

/** A position that a receiver can have: the end of a changeset, with the term in which it was committed. */
export interface LogPosition {
  epoch: string
  term: string
  sequence: number
}

/** The text of a beginning. */
export interface Begin {
  root: string
  /** With the position from which the log leads on: nothing before this message does. */
  welcome: Welcome
  /** DER, as base64. */
  certificate: string
}

/** The text of a head. */
export interface Head {
  root: string
  /** The position that the changeset builds on; null: that of an empty target, or one that no message of the log led to. */
  after: Pick<LogPosition, 'term' | 'sequence'> | null
  /** What the agent said to its session, with the filter and the epoch and term in which this was written. */
  welcome: Welcome
  /** A `changeset` message, as text. */
  changeset: string
  /** DER, as base64. */
  certificate: string
}

/** The text of a seal or an end. */
export interface End {
  root: string
  epoch: string
  term: string
  /** A `prepare` or `commit` message, as text. */
  message: string
  chain: string
}

/** One message of a broker. */
export interface LogMessage {
  kind: Kind
  isBinary: boolean
  /** Counts the messages of an entry, from 0. */
  part: number
  /** The entry goes on in the next message. */
  more: boolean
  /** Of all but parts: in the last message of the entry. */
  signature: string | null
  data: Uint8Array
}

export interface StoredMessage extends LogMessage {
  /** In the stream. */
  at: number
}

/** Of the data of a message: below the default `max_payload` of a server, with room for headers. */
export const MESSAGE_BYTES = 768 * 1024

/** @returns what goes into the stream, in order; the memory of `data` is not copied */
export function split(entry: Omit<LogMessage, 'part' | 'more'>): LogMessage[] {
  const { data, signature, ...same } = entry
  const messages: LogMessage[] = []
  for (let at = 0; at < data.byteLength || at === 0; at += MESSAGE_BYTES) {
    const more = at + MESSAGE_BYTES < data.byteLength
    messages.push({
      ...same,
      data: data.subarray(at, at + MESSAGE_BYTES),
      part: messages.length,
      more,
      signature: more ? null : signature,
    })
  }
  return messages
}

/** The parts of an entry are not what an encoder makes. */
export class NotWhole extends Error {
  override name = 'NotWhole'
}

/** Puts the parts of entries together. */
export class Joiner {
  #parts: LogMessage[] = []
  readonly #mostBytes: number

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes
  }

  /** @returns the entry that this message completes; null: there is more. @throws NotWhole */
  add(message: LogMessage): LogMessage | null {
    // A publisher that was killed amid an entry begins another one.
    if (message.part === 0) this.#parts = []
    if (message.part !== this.#parts.length) throw new NotWhole('an entry of the log lacks a part')
    if (message.part === 0 && !message.more) return message
    this.#parts.push(message)
    const bytes = this.#parts.reduce((sum, { data }) => sum + data.byteLength, 0)
    if (bytes > this.#mostBytes) throw new NotWhole(`an entry of the log has more than ${this.#mostBytes} bytes`)
    if (message.more) return null
    const data = Buffer.concat(this.#parts.map((part) => part.data))
    this.#parts = []
    return { ...message, data }
  }
}

export function parsedChangeset({ changeset }: Head): Changeset {
  return JSON.parse(changeset) as Changeset
}
