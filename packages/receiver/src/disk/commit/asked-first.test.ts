/** What was there for a while, and is the same when the answer comes, goes without a copy; else there is one. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { AskedFirst } from './asked-first.ts'

test('only what was noted when it was old, and has not changed since, is known, and once', (t) => {
  const place = mkdtempSync(join(tmpdir(), 'rootferry-'))
  t.after(() => rmSync(place, { recursive: true }))
  const location = join(place, 'file')
  writeFileSync(location, 'x')
  const asked = new AskedFirst()
  asked.note('a', location)
  assert.equal(asked.take('a', location), false, 'just written')
  const later = Date.now() + 3_600_000
  t.mock.method(Date, 'now', () => later)
  asked.note('a', location)
  assert.deepEqual(
    [asked.take('b', location), asked.take('a', location), asked.take('a', location)],
    [false, true, false],
  )
  asked.note('a', location)
  const { ctimeMs } = statSync(location)
  while (statSync(location).ctimeMs === ctimeMs) utimesSync(location, 1, 1)
  assert.equal(asked.take('a', location), false, 'changed since')
  asked.note('a', location)
  rmSync(location)
  assert.equal(asked.take('a', location), false)
})
