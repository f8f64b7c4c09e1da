/** Opening an index: one that cannot be opened is reported with its file, and one of an earlier agent is used. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { changedBits } from './changed-parts.ts'
import type { Observation } from './indexed-entry.ts'
import { closeRootIndex, openRootIndex } from './root-index.ts'

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

test('an index of an earlier agent gets the columns that it lacks, and its rows stay', (t) => {
  const place = mkdtempSync(join(tmpdir(), 'rootferry-index-'))
  t.after(() => rmSync(place, { recursive: true }))
  let ids = 0
  const open = () => openRootIndex(place, () => String(++ids), 0).index
  const observation: Observation = {
    kind: 'file',
    mode: 0o644,
    ...{ uid: 0, gid: 0, size: 1 },
    ...{ mtime: 1, ctime: 1, inode: 1 },
    target: null,
    extended: null,
    link: 0,
  }
  const [file, rest] = [
    { path: 'a', digest: null, sameBytes: true },
    { path: 'b', digest: null, sameBytes: false },
  ]
  const index = open()
  index.record([file, rest].map((each) => ({ ...each, observation })))
  closeRootIndex(index)
  const database = new DatabaseSync(join(place, 'index.db'))
  database.exec('DROP INDEX entries_linked')
  for (const column of ['extended', 'link', 'changed']) database.exec(`ALTER TABLE entries DROP COLUMN ${column}`)
  database.close()
  const again = open()
  again.record([{ ...file, observation: { ...observation, mode: 0o600, extended: '', link: 7 } }])
  const rows = again
    .changesAfter(0, 10)
    .map((row) => (row.kind === 'absent' ? null : [row.path, row.link, row.changed]))
  closeRootIndex(again)
  assert.deepEqual(rows, [
    ['b', 0, 0],
    ['a', 7, changedBits(observation, { ...observation, mode: 0o600, link: 7 }, true)],
  ])
})
