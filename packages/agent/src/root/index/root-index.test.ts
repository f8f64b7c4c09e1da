/** Opening an index: an index that cannot be opened is reported with its file. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openRootIndex } from './root-index.ts'

test('an index that cannot be opened is one line with its file, and stays as it is', (t) => {
  const place = mkdtempSync(join(tmpdir(), 'rootferry-index-'))
  t.after(() => rmSync(place, { recursive: true }))
  mkdirSync(join(place, 'index.db'))
  assert.throws(() => openRootIndex(place, () => 'id', 0), {
    name: 'Failure',
    exitCode: 1,
    message: `${place}/index.db cannot be opened: unable to open database file`,
  })
})
