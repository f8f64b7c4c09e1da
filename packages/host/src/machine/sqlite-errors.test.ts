/** Errors of the real SQLite are told apart by their codes, whatever their texts are. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { databaseDamage, isDatabaseDamaged, isDatabaseHeld, sqliteCode } from './sqlite-errors.ts'

function errorOf(act: () => void): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  return assert.fail('nothing was thrown')
}

test('a held database, a damaged one and other errors are three kinds', (t) => {
  const place = mkdtempSync(join(tmpdir(), 'rootferry-sqlite-'))
  t.after(() => rmSync(place, { recursive: true }))
  const file = join(place, 'held.db')
  using holder = new DatabaseSync(file)
  holder.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  using other = new DatabaseSync(file)
  const held = errorOf(() => other.exec('BEGIN EXCLUSIVE'))
  writeFileSync(join(place, 'other.db'), Buffer.alloc(4_096, 'text'))
  using text = new DatabaseSync(join(place, 'other.db'))
  const damaged = errorOf(() => text.exec('SELECT * FROM sqlite_schema'))
  const misspelt = errorOf(() => holder.exec('database is locked, malformed'))
  const kinds = [held, damaged, databaseDamage('page 3'), misspelt, new Error('locked')].map((error) => [
    isDatabaseHeld(error),
    isDatabaseDamaged(error),
  ])
  assert.deepEqual(kinds, [
    [true, false],
    [false, true],
    [false, true],
    [false, false],
    [false, false],
  ])
  assert.equal(sqliteCode(new Error('locked')), null)
})
