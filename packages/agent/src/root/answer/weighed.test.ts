/** How much is above each sequence, and how often the index is asked for it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { weighed } from './weighed.ts'

test('each sequence weighs what changed above it, and no row is read twice', () => {
  const rows = [10, 20, 30, 40, 50]
  let read = 0
  const index = {
    sumAfter: (from: number, to = rows.length) => {
      const within = rows.slice(from, to)
      read += within.length
      return { changes: within.length, bytes: within.reduce((sum, each) => sum + each, 0) }
    },
  }
  assert.deepEqual(weighed({ after: [0, 2, 4], to: 5 }, index), { bytes: [150, 120, 50] })
  assert.equal(read, rows.length)
  assert.deepEqual(weighed({ after: [], to: 5 }, index), { bytes: [] })
})
