/** What npm start says of a first sync. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inSyncLine, progressLine } from './progress.ts'

const TOTAL = { name: 'web1', totalEntries: 100, totalBytes: 5_000_000, seconds: 2 }

test('a target that was identical is not shown as if it had been sent', () => {
  const line = progressLine({ ...TOTAL, entries: 0, bytes: 0, inSync: true }, 200)
  assert.match(line, /^web1 █+ 100% in sync, 0 of 100 files sent, 0 B$/)
})

test('while it is sent, files, bytes, rate and what is left are shown', () => {
  const line = progressLine({ ...TOTAL, entries: 50, bytes: 2_500_000, inSync: false }, 200)
  assert.match(line, /50 of 100 files, 2\.5 MB, 1\.3 MB\/s, 2 s left$/)
})

test('one is one', () => {
  assert.equal(
    inSyncLine({ entries: 1, bytes: 0, targets: 1, seconds: 0.84 }),
    'in sync: 1 entry, 0 B, 1 target, 0.8 s',
  )
  assert.equal(
    inSyncLine({ entries: 3, bytes: 5, targets: 2, seconds: 1 }),
    'in sync: 3 entries, 5 B, 2 targets, 1.0 s',
  )
})
