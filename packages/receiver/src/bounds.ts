/**
 * Every bound of the receiver on what it holds at once, with its unit in the name. Both threads go by these, so the
 * file stands at the wall beside root-messages.ts and imports the protocol only.
 *
 * INVARIANT: the relations in `assertBounds` hold; each thread asserts them when it starts. The simulation puts other
 * numbers in this module's place, so that a handful of entries meets every bound, and asserts the same relations.
 * How long something is waited for is no bound of this kind: such times stand with those who wait.
 */
import assert from 'node:assert/strict'
import { LIMITS } from '@rootferry/protocol'

export const BOUNDS = {
  /** Segment bytes that the agent may send ahead of those that are staged. */
  creditBytes: 24 * 1024 * 1024,
  /** Credit is given back when so much was staged. */
  creditPortionBytes: 2 * 1024 * 1024,
  /** The memory in which frames are collected; holds every segment that is not of one large file. */
  segmentMemoryBytes: 4 * 1024 * 1024 + 64 * 1024,

  /** Wants that are open at once. */
  openWants: 4,
  /** Content that one want will probably bring, so that its answer does not hold up what comes after it for long. */
  wantBytes: 16 * 1024 * 1024,
  /** Paths that wait to be asked for: with more than these a resync asks for no further listing. */
  waitingWants: 4_000,
  /** Listings that wait to be compared. */
  waitingListings: 2,
  /** Paths that commits touch while a comparison gives way; with more it does not give way. */
  touchedPaths: 20_000,
  /** Directories of which only the time differs, until it is known why. */
  waitingTimes: 10_000,

  /** Committed paths that are synced one by one; more are synced with their whole filesystem. */
  singleSyncs: 32,
}

export type ReceiverBounds = typeof BOUNDS

/** The relations that the receiver's code counts on. @throws AssertionError */
export function assertBounds(bounds: ReceiverBounds): void {
  assert.ok(bounds.creditBytes >= LIMITS.segmentBytes, 'credit for one segment')
  assert.ok(bounds.creditBytes <= LIMITS.creditBytes, 'credit that the protocol allows')
  // Else the agent could have used all of its credit, and wait for a portion that never fills.
  assert.ok(bounds.creditPortionBytes <= bounds.creditBytes / 2, 'a portion')
  assert.ok(bounds.segmentMemoryBytes <= LIMITS.segmentBytes, 'the memory of a segment')
  // A resync has one listing under way.
  assert.ok(bounds.openWants + 1 <= LIMITS.openRequests, 'room for a list request')
  assert.ok(bounds.waitingWants >= LIMITS.wantPaths, 'a full want')
  const counts = [bounds.openWants, bounds.wantBytes, bounds.waitingListings, bounds.touchedPaths, bounds.waitingTimes]
  assert.ok(
    counts.every((count) => count > 0),
    'more than nothing',
  )
}
