/**
 * Takes the messages of a log in order, checks every signature, and gives back what the agent's session sent. Pure.
 *
 * INVARIANT: what a reader acts on is what the agent signed, in the order in which the agent wrote it, and it builds on
 * the position of the reader. A head is checked before anything of it is used. Parts come before the signature over them:
 * they are segments and their bytes, which are staged, and nothing else; and none of them says that a beginning is whole,
 * which a later connection would build on.
 */
import { type Changeset, LIMITS, type Welcome } from '@rootferry/protocol'
import {
  type Begin,
  type End,
  type Head,
  Joiner,
  type LogMessage,
  type LogPosition,
  parsedChangeset,
} from './log-entry.ts'
import { Chain, Forged, type Verifier } from './signature.ts'

export type Step =
  /** A changeset begins. `restarts`: the one before has no end, and what was staged of it is void. */
  | { type: 'head'; welcome: Welcome; changeset: Changeset; frame: string; restarts: boolean }
  | { type: 'frame'; isBinary: boolean; data: Uint8Array }
  /** `to`: what is committed now; null: it is only staged. */
  | { type: 'end'; frame: string; to: number | null }

/** The log does not lead on from the reader's position: something is missing, or the agent has begun anew. */
export class OffTheLog extends Error {
  override name = 'OffTheLog'
}

/** With room for what a head adds to a message. */
const MOST_BYTES = LIMITS.messageBytes * 2

export class LogDecoder {
  readonly #root: string
  readonly #verifier: Verifier
  readonly #joiner = new Joiner(MOST_BYTES)
  #cursor: LogPosition | null
  #chain = new Chain()
  /** The changeset, or series, that has begun. */
  #open: { head: Head; base: number; to: number } | null = null

  /** @param cursor where the reader stands; null: its target is empty */
  constructor(root: string, verifier: Verifier, cursor: LogPosition | null) {
    this.#root = root
    this.#verifier = verifier
    this.#cursor = cursor
  }

  get cursor(): LogPosition | null {
    return this.#cursor
  }

  /** @returns the steps that this message completes. @throws Forged, OffTheLog */
  take(message: LogMessage): Step | null {
    const entry = this.#joined(message)
    if (entry === null) return null
    if (entry.kind === 'begin') return this.#begin(entry)
    if (entry.kind === 'head') return this.#head(entry)
    // The rest of a changeset whose beginning this reader does not have.
    if (this.#open === null) throw new OffTheLog('the log goes on within a changeset')
    if (entry.kind !== 'part') return this.#end(entry)
    const { isBinary, data } = entry
    this.#chain.add(isBinary, data)
    return { type: 'frame', isBinary, data: isBinary ? data : withoutEnd(data) }
  }

  #joined(message: LogMessage): LogMessage | null {
    try {
      return this.#joiner.add(message)
    } catch (error) {
      throw new OffTheLog('an entry of the log is not whole, or too large', { cause: error })
    }
  }

  /** What has begun before it has no end. */
  #begin({ data, signature }: LogMessage): null {
    const { epoch, term, sequence } = verifiedBegin(data, signature, this.#root, this.#verifier).welcome
    const at = this.#cursor
    if (at === null ? sequence !== 0 : at.epoch !== epoch || at.term !== term || at.sequence !== sequence)
      throw new OffTheLog(`the log begins anew at ${sequence}`)
    return null
  }

  #head({ data, signature }: LogMessage): Step {
    const { head, changeset } = verifiedHead(data, signature, this.#root, this.#verifier)
    const { welcome } = head
    const isSeries = changeset.from !== changeset.base
    const open = this.#open
    if (isSeries) {
      if (open === null || open.base !== changeset.base || open.to !== changeset.from)
        throw new OffTheLog('a changeset does not go on where the one before it ended')
    } else if (!buildsOn(head, changeset, this.#cursor)) {
      const at = this.#cursor === null ? 'an empty target' : `${this.#cursor.sequence}`
      throw new OffTheLog(`the log goes on from ${changeset.base}, and not from ${at}`)
    }
    if (!isSeries) this.#chain = new Chain()
    this.#chain.add(false, data)
    this.#open = { head, base: changeset.base, to: changeset.to }
    return { type: 'head', welcome, changeset, frame: head.changeset, restarts: !isSeries && open !== null }
  }

  #end({ kind, data, signature }: LogMessage): Step {
    const text = Buffer.from(data).toString()
    this.#verifier.end(text, signature ?? '')
    const end = JSON.parse(text) as End
    const message = JSON.parse(end.message) as { type: string; to: number }
    const open = this.#open
    const isRight = open !== null && end.epoch === open.head.welcome.epoch && end.term === open.head.welcome.term
    const isKind = message.type === (kind === 'end' ? 'commit' : 'prepare')
    if (!isRight || !isKind || end.root !== this.#root || end.chain !== this.#chain.digest || message.to !== open.to)
      throw new Forged('the end of a changeset does not belong to what came before it')
    if (kind === 'seal') return { type: 'end', frame: end.message, to: null }
    this.#cursor = { epoch: end.epoch, term: end.term, sequence: message.to }
    this.#open = null
    return { type: 'end', frame: end.message, to: message.to }
  }
}

function buildsOn({ after, welcome }: Head, { base }: Changeset, cursor: LogPosition | null): boolean {
  if (cursor === null) return after === null && base === 0
  const { epoch, term, sequence } = cursor
  // A position of the present term is what the agent's index was there; one of another term is, when the log led to it.
  const isSame = term === welcome.term || (after?.term === term && after.sequence === sequence)
  return welcome.epoch === epoch && base === sequence && isSame
}

/** @returns the segment, which nobody has vouched for yet, without the end of a beginning. @throws Forged when it is none */
function withoutEnd(data: Uint8Array): Uint8Array {
  const said = messageOf(data)
  if (said?.type !== 'segment') throw new Forged('amid a changeset of the log is a message that is no segment')
  return said.to === null ? data : Buffer.from(JSON.stringify({ ...said, to: null }))
}

function messageOf(data: Uint8Array): { type?: unknown; to?: unknown } | null {
  try {
    return JSON.parse(Buffer.from(data).toString()) as { type?: unknown } | null
  } catch {
    return null
  }
}

/** @throws Forged */
export function verifiedBegin(data: Uint8Array, signature: string | null, root: string, verifier: Verifier): Begin {
  const begin = signedText<Begin>(data, (text, { certificate }) =>
    verifier.begin(text, String(certificate), signature ?? ''),
  )
  if (begin.root !== root) throw new Forged(`a message of root ${begin.root} is in the log of ${root}`)
  return begin
}

/** @throws Forged */
export function verifiedHead(
  data: Uint8Array,
  signature: string | null,
  root: string,
  verifier: Verifier,
): { head: Head; changeset: Changeset } {
  const head = signedText<Head>(data, (text, { certificate }) =>
    verifier.head(text, String(certificate), signature ?? ''),
  )
  if (head.root !== root) throw new Forged(`a message of root ${head.root} is in the log of ${root}`)
  return { head, changeset: parsedChangeset(head) }
}

/** @returns the agent's word. @throws Forged */
function signedText<T>(data: Uint8Array, check: (text: string, said: T) => void): T {
  const text = Buffer.from(data).toString()
  try {
    const said = JSON.parse(text) as T
    check(text, said)
    return said
  } catch (error) {
    if (error instanceof Forged) throw error
    throw new Forged('a message of the log is none of ours', { cause: error })
  }
}
