/**
 * Pure decision: can a receiver continue from its position (replay), or must it compare whole trees (resync)?
 *
 * A replay is right only when the receiver's sequence has the same meaning for both sides: the same epoch, a term and
 * sequence that this index remembers giving out, and no tombstone dropped above it. An empty target can always replay
 * from 0: it holds nothing that a lost tombstone would have to delete.
 */
import { type Hello, LIMITS } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'

export interface IndexPosition {
  epoch: string
  head: number
  horizon: number
  knows(term: string, sequence: number): boolean
  /** Files whose content dates from (from, to] and whose rows have moved on. */
  movedOn(from: number, to: number, limit: number): readonly unknown[]
  /** How far so many changes lead; null: to the head. */
  endWithin(from: number, changes: number): number | null
}

/** A changeset has room for twice as many. */
const MOST_MOVED_ON = LIMITS.changesetChanges / 2

export interface Start {
  start: 'replay' | 'resync'
  /** Where the replay begins, or where the resync leads. */
  sequence: number
  reason: string
}

export function decideStart(hello: Hello, index: IndexPosition): Start {
  if (hello.epoch === index.epoch && hello.term !== null) {
    const fault = positionFault(hello.sequence, hello.term, index)
    if (fault === null) return { start: 'replay', sequence: hello.sequence, reason: 'known position' }
    return resyncUnlessEmpty(hello, index, fault)
  }
  return resyncUnlessEmpty(hello, index, hello.epoch === null ? 'first join' : 'another epoch')
}

/** How far a replay may build on what the receiver has staged; null: it begins anew. */
export function preparedOf(
  { epoch, prepared, sequence }: Hello,
  { start, ...decision }: Start,
  index: IndexPosition,
): number | null {
  // An empty target of another epoch begins at 0 too, and what it has staged is of that epoch.
  if (prepared === null || epoch !== index.epoch || start !== 'replay' || decision.sequence !== sequence) return null
  const isKnown = prepared.sequence <= index.head && index.knows(prepared.term, prepared.sequence)
  if (!isKnown || prepared.sequence < sequence) return null
  // What is staged and has moved on is sent with the rest, which must have room for it.
  const moved = index.movedOn(sequence, prepared.sequence, MOST_MOVED_ON)
  return moved.length < MOST_MOVED_ON ? prepared.sequence : null
}

/**
 * The end of the last round, if a receiver that has staged a part of what it misses may be brought there in one commit.
 * Null: it could not stage so many changes, and gets the rest of that changeset by itself.
 */
export function roundToComplete(
  sequence: number,
  released: number,
  index: Pick<IndexPosition, 'endWithin'>,
): number | null {
  return released <= (index.endWithin(sequence, BOUNDS.roundChanges) ?? released) ? released : null
}

function positionFault(sequence: number, term: string, index: IndexPosition): string | null {
  if (sequence > index.head) return `sequence ${sequence} is ahead of the agent's ${index.head}`
  if (!index.knows(term, sequence)) return `sequence ${sequence} was given out in a term this index does not know`
  if (sequence < index.horizon) return `sequence ${sequence} is below the oldest tombstone kept, ${index.horizon}`
  return null
}

function resyncUnlessEmpty(hello: Hello, index: IndexPosition, reason: string): Start {
  if (hello.target === 'empty') return { start: 'replay', sequence: 0, reason: `${reason}, empty target` }
  return { start: 'resync', sequence: index.head, reason }
}
