/** Which changes go ahead of a changeset that is under way, as a table. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IndexedEntry } from '../index/indexed-entry.ts'
import type { Planned } from './changeset-plan.ts'
import { goAhead, type Known, underWay } from './overtaking.ts'

const BASE = 10
const TO = 20
const ROOM = { changes: 100, bytes: 1_000, manifestBytes: 100_000 }

function row(path: string, sequence: number, more: Partial<IndexedEntry> = {}): IndexedEntry {
  const attributes = {
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: 0,
    ctime: 1,
    inode: 1,
    target: null,
    digest: null,
    extended: null,
    link: 0,
  }
  return { path, kind: 'file', size: 5, sequence, content: sequence, ...attributes, ...more }
}
const directory = (path: string, sequence: number, content = 1) => row(path, sequence, { kind: 'directory', content })
const gone = (path: string, sequence: number, content: number): Planned => ({
  path,
  kind: 'absent',
  sequence,
  content,
  size: 0,
})

/** The changeset brings a large file into a directory that was there, and one into a new directory. */
const UNDER_WAY = [
  directory('media', 15),
  row('media/large', 16),
  directory('new', 17, 17),
  row('new/large', 18),
  gone('old', 19, 3),
]
const there = new Map(
  [directory('media', 15), directory('app', 4), directory('new', 17, 17)].map((one) => [one.path, one]),
)

function decide(rows: Planned[], facts: Partial<Known> = {}, after = TO) {
  const known = {
    get: (path: string) => there.get(path) ?? rows.find((one) => one.path === path && one.kind !== 'absent') ?? null,
    hadChildren: () => false,
    isDeltaBase: () => false,
    ...facts,
  } as Known
  const { rows: going, to } = goAhead(rows, underWay(BASE, TO, UNDER_WAY), after, known, ROOM)
  return { going: going.map(({ path }) => path), to }
}

test('files go in the order in which they were saved, next to the large file too', () => {
  const rows = [row('a', 21), row('media/b', 22), row('app/c', 23)]
  assert.deepEqual(decide(rows), { going: ['a', 'media/b', 'app/c'], to: 23 })
})

const cases: [what: string, row: Planned, facts?: Partial<Known>][] = [
  ['a path of the changeset', row('media/large', 22)],
  ['a path that the changeset removes', row('old', 22)],
  ['what is below a path that the changeset removes', row('old/x', 22)],
  ['what is in a directory that the changeset makes', row('new/x', 22)],
  ['a file in the place of a directory of the changeset', row('media', 22)],
  ['a deletion above the changeset', gone('media', 22, 3)],
  ['a file with several names', row('x', 22, { link: 7 })],
  ['a symlink', row('current', 22, { kind: 'symlink', target: 'media' })],
  ['a file in the place of a directory', row('x', 22), { hadChildren: (path) => path === 'x' }],
  ['a file of which later versions are told as differences', row('x', 22), { isDeltaBase: (path) => path === 'x' }],
  ['a directory in the place of such a file', directory('x', 22, 22), { isDeltaBase: (path) => path === 'x' }],
  ['what is in a directory that is not there', row('nowhere/x', 22)],
]
for (const [what, met, facts] of cases) {
  test(`${what} waits, and so does everything after it`, () => {
    assert.deepEqual(decide([row('a', 21), met, row('b', 23)], facts), { going: ['a'], to: 21 })
  })
}

const passed: [what: string, row: Planned, facts?: Partial<Known>][] = [
  ['a large file', row('other', 22, { size: 1_001 })],
  ['a later version of the large file', row('media/large', 22, { size: 1_001 })],
  ['a directory of the changeset that was there', directory('media', 22)],
  ['the deletion of what receivers hold', gone('app/held', 22, BASE)],
  [
    'the deletion of what replaced a file of which later versions are told as differences',
    gone('x', 22, 21),
    { isDeltaBase: (path) => path === 'x' },
  ],
  ['a directory that came and went', gone('tmp', 22, 21), { hadChildren: (path) => path === 'tmp' }],
]
for (const [what, met, facts] of passed) {
  test(`${what} waits, and others pass it`, () => {
    assert.deepEqual(decide([row('a', 21), met, row('b', 23)], facts), { going: ['a', 'b'], to: 23 })
  })
}

test('a file that came and went goes ahead as such', () => {
  assert.deepEqual(decide([gone('a~', 22, 21), row('a', 23)]), { going: ['a~', 'a'], to: 23 })
})

test('a new directory goes with what is in it, and what came ahead before counts', () => {
  assert.deepEqual(decide([directory('d', 21, 21), row('d/x', 22)]).going, ['d', 'd/x'])
  const known = { get: (path: string) => (path === 'd' ? directory('d', 25, 22) : null) }
  assert.deepEqual(decide([row('d/y', 26)], known, 24).going, ['d/y'])
  assert.deepEqual(decide([row('d/y', 26)], known, 21).going, [])
})

test('what has no room at once comes with the next', () => {
  const rows = [row('a', 21, { size: 600 }), row('b', 22, { size: 600 }), row('c', 23)]
  assert.deepEqual(decide(rows), { going: ['a'], to: 21 })
})
