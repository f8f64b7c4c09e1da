/** Which name of a file travels with the content: by what receivers hold, and by what rows tell. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IndexedEntry } from '../index/indexed-entry.ts'
import { FirstNames } from './first-names.ts'

const common = {
  kind: 'file',
  uid: 0,
  gid: 0,
  size: 3,
  mtime: 1,
  ctime: 1,
  inode: 1,
  target: null,
  digest: null,
} as const
const name = (path: string, sequence: number, content: number, mode = 0o644): IndexedEntry => {
  return { ...common, path, sequence, content, mode, extended: null, link: 7 }
}
const range = (request: number | null) => {
  return { base: 5, from: 5, to: 9, head: 9, whole: 0, isWhole: true, request }
}
/** An index that has these rows, by the rule of the real one. */
const holding = (...rows: IndexedEntry[]) => ({
  nameOfLink: (row: { mode: number }, upTo = 99) =>
    rows.find(({ mode, sequence }) => mode === row.mode && sequence <= upTo)?.path ?? null,
})

test('a name that receivers hold is the first, else a planned one whose content they have', () => {
  const rows = [name('a', 8, 8), name('b', 9, 2)]
  const held = new FirstNames(holding(name('held', 4, 4), ...rows), rows, range(null))
  assert.deepEqual(
    rows.map((row) => held.otherNameOf(row)),
    [
      { path: 'held', isPlanned: true },
      { path: 'held', isPlanned: true },
    ],
  )
  const none = new FirstNames(holding(), rows, range(null))
  assert.deepEqual(
    rows.map((row) => none.otherNameOf(row)),
    [{ path: 'b', isPlanned: true }, null],
  )
})

test('a name whose row tells of other attributes is not the first name: the change would be lost', () => {
  const rows = [name('a', 8, 2, 0o644), name('b', 9, 2, 0o600)]
  const names = new FirstNames(holding(name('old', 4, 4, 0o644)), rows, range(null))
  assert.deepEqual(
    rows.map((row) => names.otherNameOf(row)),
    [{ path: 'old', isPlanned: true }, null],
  )
})

test('in a repair the content comes too, unless the first name was asked for as well', () => {
  const [a, b] = [name('a', 3, 3), name('b', 4, 4)]
  const alone = new FirstNames(holding(a, b), [b], range(1))
  assert.deepEqual(alone.otherNameOf(b), { path: 'a', isPlanned: false })
  const both = new FirstNames(holding(a, b), [a, b], range(1))
  assert.deepEqual([both.otherNameOf(a), both.otherNameOf(b)], [null, { path: 'a', isPlanned: true }])
})
