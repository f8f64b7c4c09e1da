/** A log is never left without a snapshot that it leads on from, and one is made no oftener than that is worth. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSnapshotDue } from './snapshot-due.ts'

const GB = 1e9
const HOUR_MS = 3_600_000
const limits = { tree: 10 * GB, maxBytes: 8 * GB, maxAgeMs: 48 * HOUR_MS }
const fresh = { isReachable: true, bytesSince: 1, ageMs: 0 }

test('one is due when there is none, or when the log does not lead on from it', () => {
  assert.ok(isSnapshotDue(null, limits))
  assert.ok(isSnapshotDue({ ...fresh, isReachable: false }, limits))
  assert.ok(!isSnapshotDue(fresh, limits))
})

test('one is due when the log has got half of the tree, or half of what it keeps, or the snapshot is half as old as that', () => {
  assert.ok(isSnapshotDue({ ...fresh, bytesSince: 4.1 * GB }, limits))
  assert.ok(!isSnapshotDue({ ...fresh, bytesSince: 3.9 * GB }, limits))
  assert.ok(isSnapshotDue({ ...fresh, bytesSince: 1.1 * GB }, { ...limits, tree: 2 * GB }))
  assert.ok(isSnapshotDue({ ...fresh, ageMs: 25 * HOUR_MS }, limits))
})

test('a small tree is not stored again with each of its changes, and one at rest never', () => {
  assert.ok(!isSnapshotDue({ ...fresh, bytesSince: 60e6 }, { ...limits, tree: 1e6 }))
  assert.ok(isSnapshotDue({ ...fresh, bytesSince: 70e6 }, { ...limits, tree: 1e6 }))
  assert.ok(!isSnapshotDue({ ...fresh, bytesSince: 0, ageMs: 900 * HOUR_MS }, limits))
})
