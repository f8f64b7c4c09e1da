/** The reports of a step that is tried again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DiskFailure, DiskRetry } from './disk-retry.ts'

test('trouble with the ledger says that it is the ledger, and is over when the step works', async () => {
  const said: (DiskFailure | null)[] = []
  const full = Object.assign(new Error('database or disk is full'), { code: 'ERR_SQLITE_ERROR', errcode: 13 })
  let attempts = 0
  const step = () => {
    attempts += 1
    if (attempts === 1) throw full
  }
  await new DiskRetry(
    () => Promise.resolve(),
    (failure) => said.push(failure),
  ).run(step, [])
  const message = 'the ledger in the state directory: database or disk is full'
  assert.deepEqual(said, [{ code: 'ledger', message }, null])
})
