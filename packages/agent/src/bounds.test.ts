/** The relations of the agent's bounds hold, and a bound that breaks one is reported. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AgentBounds, assertBounds, BOUNDS } from './bounds.ts'

test('the bounds that ship hold every relation', () => assertBounds(BOUNDS))

const BROKEN: [string, Partial<AgentBounds>][] = [
  ['a slab that does not hold a grown segment', { slabBytes: BOUNDS.segmentBytes }],
  ['a segment that the protocol does not allow', { segmentBytes: 2 ** 30, slabBytes: 2 ** 31 }],
  ['fewer slabs than the cache needs twice', { idleSlabs: 12 }],
  ['a manifest that may fill a message', { manifestBytes: 3 * 2 ** 20 }],
  ['a listing without room for the entry of its path', { listingEntries: 5_000 }],
  ['chunks out of order', { normalChunkBytes: BOUNDS.leastChunkBytes }],
  ['a size that is looked up and never planned', { leastSizedBytes: 1_000 }],
]
for (const [name, change] of BROKEN) {
  test(`is told: ${name}`, () => assert.throws(() => assertBounds({ ...BOUNDS, ...change }), assert.AssertionError))
}
