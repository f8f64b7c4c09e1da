/** The relations of the receiver's bounds hold, and a bound that breaks one is reported. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertBounds, BOUNDS, type ReceiverBounds } from './bounds.ts'

test('the bounds that ship hold every relation', () => assertBounds(BOUNDS))

const BROKEN: [string, Partial<ReceiverBounds>][] = [
  ['credit that one segment overdraws', { creditBytes: 2 ** 22, creditPortionBytes: 1 }],
  ['credit beyond the protocol', { creditBytes: 2 ** 29 }],
  ['a portion that may never fill', { creditPortionBytes: BOUNDS.creditBytes }],
  ['memory for more than a segment', { segmentMemoryBytes: 2 ** 24 }],
  ['wants that leave no room for a listing', { openWants: 8 }],
  ['less waiting than one want takes', { waitingWants: 999 }],
  ['no listing at all', { waitingListings: 0 }],
]
for (const [name, change] of BROKEN) {
  test(`is told: ${name}`, () => assert.throws(() => assertBounds({ ...BOUNDS, ...change }), assert.AssertionError))
}
