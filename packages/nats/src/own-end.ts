/**
 * Where an agent goes on in its log: whoever can write to the broker can write there too, and can say how far the log is.
 */
import { type EndAt, endAt } from './find-position.ts'
import type { Begin, StoredMessage } from './log-entry.ts'
import type { Kind } from './names.ts'
import type { Signer } from './signature.ts'

export interface OwnLookups {
  lastOf(kind: Kind): Promise<StoredMessage | null>
  /** The first head at or after that message; null: there is none. */
  headFrom(at: number): Promise<StoredMessage | null>
  extent(): Promise<{ last: number }>
}

/**
 * @returns the last end, or the place where the log has begun anew since, when that is the signer's, and nothing is behind it
 * but a changeset that the signer has begun; what somebody else has added to that is staged by readers, and never committed.
 * null: the log has to begin anew
 */
export async function ownEnd(log: OwnLookups, signer: Pick<Signer, 'hasSigned'>): Promise<EndAt | null> {
  const isOwn = (what: 'begin' | 'head' | 'end', message: StoredMessage | null) =>
    message?.signature != null && signer.hasSigned(what, Buffer.from(message.data).toString(), message.signature)
  const [end, begin] = [await log.lastOf('end'), await log.lastOf('begin')]
  const isAnew = begin !== null && begin.at > (end?.at ?? 0)
  const own = isAnew ? begin : end
  if (own === null || !isOwn(isAnew ? 'begin' : 'end', own)) return null
  if ((await log.extent()).last > own.at) {
    const begun = await log.headFrom(own.at + 1)
    if (begun?.at !== own.at + 1 || !isOwn('head', begun) || !isOwn('head', await log.lastOf('head'))) return null
    const seal = await log.lastOf('seal')
    if (seal !== null && seal.at > own.at && !isOwn('end', seal)) return null
  }
  return isAnew ? beginAt(own) : endAt(own)
}

function beginAt({ data, at }: StoredMessage): EndAt {
  const { epoch, term, sequence } = (JSON.parse(Buffer.from(data).toString()) as Begin).welcome
  return { epoch, term, sequence, at }
}
