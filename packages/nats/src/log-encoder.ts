/**
 * Makes the entries of a log from what a session sends to its receiver, and signs them. Pure but for the key.
 *
 *   welcome ─▶ kept, and begin when it does not go on from the end · changeset ─▶ head · segment, bytes ─▶ part · prepare ─▶ seal · commit ─▶ end
 *
 * INVARIANT: every changeset says which position it builds on, so that a reader knows by itself when something is
 * missing.
 */
import type { Changeset, Commit, Prepare, Welcome } from '@rootferry/protocol'
import { type Begin, type End, type Head, type LogMessage, type LogPosition, split } from './log-entry.ts'
import { Chain, type Signer } from './signature.ts'

type Message =
  | Welcome
  | Changeset
  | Prepare
  | Commit
  | { type: 'segment' | 'leave' | 'resync' | 'cancel-resync' | 'listing' }

export interface Encoded {
  /** Null: bytes. */
  message: Message | null
  /** For the stream, in order. */
  messages: LogMessage[]
}

export class LogEncoder {
  readonly #root: string
  readonly #signer: Signer
  #after: LogPosition | null
  #welcome: Welcome | null = null
  #chain = new Chain()

  /** @param after the end that the log has reached, when the session goes on from there */
  constructor(root: string, signer: Signer, after: LogPosition | null) {
    this.#root = root
    this.#signer = signer
    this.#after = after
  }

  encode(frame: string | Uint8Array): Encoded {
    if (typeof frame !== 'string') {
      this.#chain.add(true, frame)
      return { message: null, messages: split({ kind: 'part', isBinary: true, data: frame, signature: null }) }
    }
    const message = JSON.parse(frame) as Message
    return { message, messages: this.#messages(message, frame) }
  }

  #messages(message: Message, frame: string): LogMessage[] {
    switch (message.type) {
      case 'welcome':
        this.#welcome = message
        if (goesOn(message, this.#after)) return []
        this.#after = null
        return isFirstSync(message) ? [] : this.#begin(message)
      case 'changeset':
        return this.#head(message, frame)
      case 'segment': {
        const data = Buffer.from(frame)
        this.#chain.add(false, data)
        return split({ kind: 'part', isBinary: false, data, signature: null })
      }
      case 'prepare':
        return this.#end('seal', frame)
      case 'commit': {
        const messages = this.#end('end', frame)
        this.#after = { epoch: this.#begun.epoch, term: this.#begun.term, sequence: message.to }
        return messages
      }
      default:
        return []
    }
  }

  #begin(welcome: Welcome): LogMessage[] {
    const begin: Begin = { root: this.#root, welcome, certificate: this.#signer.certificate }
    const text = JSON.stringify(begin)
    const signature = this.#signer.sign('begin', text)
    return split({ kind: 'begin', isBinary: false, data: Buffer.from(text), signature })
  }

  get #begun(): Welcome {
    if (this.#welcome === null) throw new Error('a session begins with a welcome')
    return this.#welcome
  }

  #head(message: Changeset, frame: string): LogMessage[] {
    if (message.from === message.base) this.#chain = new Chain()
    const head: Head = {
      root: this.#root,
      after: this.#after === null ? null : { term: this.#after.term, sequence: this.#after.sequence },
      welcome: this.#begun,
      changeset: frame,
      certificate: this.#signer.certificate,
    }
    const text = JSON.stringify(head)
    const data = Buffer.from(text)
    this.#chain.add(false, data)
    return split({ kind: 'head', isBinary: false, data, signature: this.#signer.sign('head', text) })
  }

  #end(kind: 'seal' | 'end', frame: string): LogMessage[] {
    const { epoch, term } = this.#begun
    const end: End = { root: this.#root, epoch, term, message: frame, chain: this.#chain.digest }
    const text = JSON.stringify(end)
    return split({ kind, isBinary: false, data: Buffer.from(text), signature: this.#signer.sign('end', text) })
  }
}

/** Whether the session is that of a snapshot. */
function isFirstSync({ start, sequence }: Welcome): boolean {
  return start === 'replay' && sequence === 0
}

/** Whether the session begins at that position. */
function goesOn({ start, epoch, sequence }: Welcome, after: LogPosition | null): boolean {
  return start === 'replay' && after?.epoch === epoch && after.sequence === sequence
}
