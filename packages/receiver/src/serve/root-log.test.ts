/** Log lines of a root's events, as a person reads them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { logLine } from './root-log.ts'
import { newRootState } from './root-state.ts'

test('a commit is told with whole milliseconds', () => {
  const event = {
    type: 'committed',
    head: 9,
    sequence: 9,
    added: 1,
    changed: 0,
    removed: 0,
    bytes: 5,
    entries: 1,
    burstMs: 1,
  } as const
  const line = logLine(
    { ...event, ms: 1240.513_019, as: 'changeset' },
    newRootState('shop', { at: new Date(0), ms: 0 }),
  )
  assert.equal(line?.details['ms'], 1241)
})
