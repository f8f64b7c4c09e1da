/** Names of streams and subjects. Roots and receivers may have dots in their names, which part the words of a subject. */

/**
 * `head`: the beginning of a changeset · `part`: a message or bytes of a segment · `seal`: all up to here is to be staged
 * · `end`: all up to here is to be committed. Heads, seals and ends are signed.
 */
export const KINDS = ['head', 'part', 'seal', 'end'] as const
export type Kind = (typeof KINDS)[number]

export interface LogNames {
  stream: string
  /** What the stream takes. */
  subjects: string
  subjectOf(kind: Kind): string
  /** The agent that publishes the root answers here. */
  publisher: string
  /** Receivers report here, each on a subject of its own. Never below a subject of the stream: nothing of it is kept. */
  acks: string
  ackOf(receiver: string): string
  /** The agent asks all readers to report. */
  who: string
  /** The agent asks a receiver to dial it. */
  callOf(receiver: string): string
}

export function logNames(root: string): LogNames {
  const word = wordOf(root)
  return {
    stream: `RF_${word}`,
    subjects: `rf.${word}.log.*`,
    subjectOf: (kind) => `rf.${word}.log.${kind}`,
    publisher: `rfpub.${word}`,
    acks: `rfack.${word}.*`,
    ackOf: (receiver) => `rfack.${word}.${wordOf(receiver)}`,
    who: `rfwho.${word}`,
    callOf: (receiver) => `rfcall.${word}.${wordOf(receiver)}`,
  }
}

/** No name of ours has a `~`. */
function wordOf(name: string): string {
  return name.replaceAll('.', '~')
}

/** The name that is the last word of a subject. */
export function nameIn(subject: string): string {
  return subject.slice(subject.lastIndexOf('.') + 1).replaceAll('~', '.')
}

/** The inbox of a receiver, to which its permissions are restricted. */
export function inboxOf(receiver: string): string {
  return `_INBOX_${wordOf(receiver)}`
}
