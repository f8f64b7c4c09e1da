/** Which memory is kept, and which is freed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SlabPool } from './slab-pool.ts'

test('what is in use again and again stays, what was needed once is let go', () => {
  const pool = new SlabPool()
  const bulk = [1, 2, 3].map(() => pool.take(4_000_000).buffer)
  for (const memory of bulk) pool.give(memory)
  pool.trim()
  assert.equal(bulk.filter(({ detached }) => detached).length, 0, 'all three were in use')
  const used = pool.take(1).buffer
  pool.give(used)
  pool.trim()
  assert.equal(used.detached, false)
  assert.equal(bulk.filter(({ detached }) => detached).length, 2)
  pool.trim()
  assert.ok(pool.isEmpty, 'nothing was in use since')
})

test('memory beyond what a segment takes is not kept', () => {
  const pool = new SlabPool()
  const large = pool.take(8 * 1024 * 1024).buffer
  pool.give(large)
  assert.ok(large.detached)
  assert.ok(pool.isEmpty)
})
