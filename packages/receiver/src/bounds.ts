/**
 * Every bound of the receiver on what it holds at once, with its unit in the name. Both threads use these bounds, so
 * the file lies at the wall, next to root-messages.ts, and imports the protocol only.
 *
 * INVARIANT: the relations in `assertBounds` hold; each thread asserts them when it starts. The simulation replaces
 * this module by one with other numbers, so that a handful of entries meets every bound, and asserts the same
 * relations. A time that code waits for is not a bound of this kind: such times are with the code that waits.
 */
import assert from 'node:assert/strict'
import { LIMITS } from '@rootferry/protocol'

export const BOUNDS = {
  /** Segment bytes that the agent may send ahead of those that are staged. */
  creditBytes: 24 * 1024 * 1024,
  /** Credit is given back when this much was staged. */
  creditPortionBytes: 2 * 1024 * 1024,
  /** The memory in which frames are collected; holds every segment except those of one large file. */
  segmentMemoryBytes: 4 * 1024 * 1024 + 64 * 1024,

  /** Wants that are open at once. */
  openWants: 4,
  /** Content that one want will probably bring, so that its answer does not hold up later messages for long. */
  wantBytes: 16 * 1024 * 1024,
  /** The paths of one want, encoded: leaves most of a message. */
  wantPathBytes: LIMITS.messageBytes / 4,
  /** Paths that wait to be asked for: with more than this a resync asks for no further listing. */
  waitingWants: 4_000,
  /** Listings that wait to be compared. */
  waitingListings: 2,
  /** Paths that commits touch while a comparison gives way; with more it does not give way. */
  touchedPaths: 20_000,
  /** Directories that differ only in their time, until the reason is known. */
  waitingTimes: 10_000,

  /** Committed paths that are synced one by one; more are synced with their whole filesystem. */
  singleSyncs: 32,
}

export type ReceiverBounds = typeof BOUNDS

/** The relations that the receiver's code relies on. @throws AssertionError */
export function assertBounds(bounds: ReceiverBounds): void {
  assert.ok(bounds.creditBytes >= LIMITS.segmentBytes, 'credit for one segment')
  assert.ok(bounds.creditBytes <= LIMITS.creditBytes, 'credit that the protocol allows')
  // Otherwise the agent could use all of its credit, and wait for a portion that never fills.
  assert.ok(bounds.creditPortionBytes <= bounds.creditBytes / 2, 'a portion')
  assert.ok(bounds.segmentMemoryBytes <= LIMITS.segmentBytes, 'the memory of a segment')
  // A resync has one listing open.
  assert.ok(bounds.openWants + 1 <= LIMITS.openRequests, 'room for a list request')
  assert.ok(bounds.wantPathBytes + LARGEST_PATH_BYTES <= LIMITS.messageBytes / 2, 'a want')
  assert.ok(bounds.waitingWants >= LIMITS.wantPaths, 'a full want')
  const counts = [bounds.openWants, bounds.wantBytes, bounds.waitingListings, bounds.touchedPaths, bounds.waitingTimes]
  assert.ok(
    counts.every((count) => count > 0),
    'more than nothing',
  )
}

/** The longest path, of which each byte may take six characters, and its digest. */
const LARGEST_PATH_BYTES = 6 * LIMITS.pathBytes + 64
