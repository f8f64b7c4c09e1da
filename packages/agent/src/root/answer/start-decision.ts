/**
 * Pure decision: can a receiver go on from where it is (replay), or has it to compare whole trees (resync)?
 *
 * Replay is only right when the receiver's sequence means the same to both: the same epoch, a term and sequence that
 * this index remembers giving out, and no tombstone dropped above it. An empty target can always replay from 0: there
 * is nothing on it that a lost tombstone would have to delete.
 */
import type { Hello } from '@rootferry/protocol'

export interface IndexPosition {
  epoch: string
  head: number
  horizon: number
  knows(term: string, sequence: number): boolean
}

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
