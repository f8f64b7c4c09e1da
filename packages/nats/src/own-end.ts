/**
 * Where an agent goes on in its log: whoever can write to the broker can write there too, and can say how far the log is.
 */
import { type EndAt, endAt } from './find-position.ts'
import type { StoredMessage } from './log-entry.ts'
import type { Kind } from './names.ts'
import type { Signer } from './signature.ts'

export interface OwnLookups {
  lastOf(kind: Kind): Promise<StoredMessage | null>
  /** The first head at or after that message; null: there is none. */
  headFrom(at: number): Promise<StoredMessage | null>
  extent(): Promise<{ last: number }>
}

/**
 * @returns the last end, when it is the signer's, and nothing is behind it but a changeset that the signer has begun; parts
 * that somebody else has added to that are staged by readers, and never committed. null: the log has to begin anew
 */
export async function ownEnd(log: OwnLookups, signer: Pick<Signer, 'hasSigned'>): Promise<EndAt | null> {
  const isOwn = (what: 'head' | 'end', message: StoredMessage | null) =>
    message?.signature != null && signer.hasSigned(what, Buffer.from(message.data).toString(), message.signature)
  const end = await log.lastOf('end')
  if (end === null || !isOwn('end', end)) return null
  if ((await log.extent()).last > end.at) {
    const begun = await log.headFrom(end.at + 1)
    if (begun?.at !== end.at + 1 || !isOwn('head', begun) || !isOwn('head', await log.lastOf('head'))) return null
    const seal = await log.lastOf('seal')
    if (seal !== null && seal.at > end.at && !isOwn('end', seal)) return null
  }
  return endAt(end)
}
