/**
 * Where in a log a position is: the end of a changeset with that epoch, term and sequence. Ends are in the order of their
 * sequences since the agent began its present run, so halving finds one. Pure but for the look-ups.
 *
 * A wrong answer does no harm: the head that follows says itself on what it builds. So nothing is verified here.
 */
import type { End, LogPosition, StoredMessage } from './log-entry.ts'

export interface EndAt extends LogPosition {
  /** Of its last message, in the stream. */
  at: number
}

export interface EndLookups {
  /** The first end at or after that message; null: there is none. */
  next(at: number): Promise<EndAt | null>
  last(): Promise<EndAt | null>
}

/**
 * @param behind ends up to that message are not looked at
 * @returns the message of that end; null: the log does not have it, or has it no more
 */
export async function findPosition(
  { epoch, term, sequence }: LogPosition,
  ends: EndLookups,
  behind = 0,
): Promise<number | null> {
  const last = await ends.last()
  if (last === null || last.epoch !== epoch || last.at <= behind) return null
  let [low, high] = [behind + 1, last.at]
  let found: EndAt | null = last
  // The first end that is of this epoch and not before the sequence lies within [low, high].
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const end = await ends.next(middle)
    const isLater = end === null || (end.epoch === epoch && end.sequence >= sequence)
    if (end !== null && isLater) found = end
    if (isLater) high = middle
    else low = end.at + 1
  }
  if (low === high && found.at < low) found = (await ends.next(low)) ?? found
  return found.epoch === epoch && found.term === term && found.sequence === sequence ? found.at : null
}

/** The position that an end states, no matter who wrote it; null when the message is no end. */
export function endAt(message: Pick<StoredMessage, 'data' | 'at'> | null): EndAt | null {
  if (message === null) return null
  const { at } = message
  try {
    const { epoch, term, message: last } = JSON.parse(Buffer.from(message.data).toString()) as End
    return { epoch, term, sequence: (JSON.parse(last) as { to: number }).to, at }
  } catch {
    return { epoch: '', term: '', sequence: 0, at }
  }
}
