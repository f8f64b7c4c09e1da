/** Names of streams and subjects. Roots and receivers may have dots in their names, which part the words of a subject. */

/**
 * `begin`: the log begins anew at a position · `head`: the beginning of a changeset · `part`: a message or bytes of a segment · `seal`: all up to here is to be staged
 * · `end`: all up to here is to be committed. All but parts are signed.
 */
export const KINDS = ['begin', 'head', 'part', 'seal', 'end'] as const
export type Kind = (typeof KINDS)[number]

/** A stream with entries, and what it takes. */
export interface StreamNames {
  stream: string
  subjects: string
  subjectOf(kind: Kind): string
}

export interface LogNames {
  log: StreamNames
  snapshots: StreamNames
  /** In the stream of snapshots: the last message of each. */
  closing: string
  /** The agent that publishes the root answers here. */
  publisher: string
  /** Receivers report here, each on a subject of its own. Never below a subject of a stream: nothing of it is kept. */
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
    log: streamNames(`RF_${word}`, `rf.${word}.log`),
    snapshots: streamNames(`RFS_${word}`, `rf.${word}.snapshot`),
    closing: `rf.${word}.snapshot.closing`,
    publisher: `rfpub.${word}`,
    acks: `rfack.${word}.*`,
    ackOf: (receiver) => `rfack.${word}.${wordOf(receiver)}`,
    who: `rfwho.${word}`,
    callOf: (receiver) => `rfcall.${word}.${wordOf(receiver)}`,
  }
}

function streamNames(stream: string, prefix: string): StreamNames {
  return { stream, subjects: `${prefix}.*`, subjectOf: (kind) => `${prefix}.${kind}` }
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
