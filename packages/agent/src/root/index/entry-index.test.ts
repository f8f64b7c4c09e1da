/** The index on real SQLite: sequences, tombstones, terms, deferred rows, listings, and opening a damaged one. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { TestTree, temporaryRoot } from '../../../test-support/test-tree.ts'
import { EntryIndex } from './entry-index.ts'
import { openIndexDatabase } from './index-schema.ts'
import type { Observation } from './indexed-entry.ts'
import { closeRootIndex, openRootIndex } from './root-index.ts'

const file: Observation = {
  kind: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 3,
  mtime: 1,
  ctime: 2,
  inode: 3,
  target: null,
  extended: null,
  link: 0,
}
const finding = (path: string, digest: string | null = null, sameBytes = false) => ({
  path,
  observation: file,
  digest,
  sameBytes,
})
/** What is to be sent, of which nothing but digest and size is known elsewhere. */
const sent = (letter: string, size: number) => ({ ...file, size, ctime: 0, digest: digest(letter) })
const gone = (path: string) => ({ path, observation: null })
const digest = (letter: string) => letter.repeat(43)

const list = (tree: TestTree, within: string, after: string | null, entries: number) =>
  tree.index.list(within, after, { entries, bytes: 1e9 })

function emptyTree(): TestTree {
  return new TestTree(temporaryRoot())
}

test('what a receiver missed is the rows above its sequence, each path once, deletions as tombstones', () => {
  using tree = emptyTree()
  tree.index.record([finding('a'), finding('b'), finding('c')])
  tree.index.record([finding('a'), gone('b')])
  assert.deepEqual(
    tree.index.changesAfter(1, 100).map(({ path, kind, sequence }) => [path, kind, sequence]),
    [
      ['c', 'file', 3],
      ['a', 'file', 4],
      ['b', 'absent', 5],
    ],
  )
})

test('attributes alone keep the content number, which tells that the bytes need not travel', () => {
  using tree = emptyTree()
  tree.index.record([finding('a', digest('d'))])
  tree.index.record([finding('a', digest('d'), true)])
  assert.deepEqual([tree.index.get('a')?.sequence, tree.index.get('a')?.content], [2, 1])
})

test('content that a row has moved on with is found by the sequence at which it came', () => {
  using tree = emptyTree()
  tree.index.record([finding('a'), finding('b'), finding('c')])
  tree.index.record([finding('d'), finding('e')])
  tree.index.record(['b', 'a'].map((path) => ({ path, observation: file, digest: null, sameBytes: true })))
  const movedOn = (from: number, to: number) => tree.index.movedOn(from, to, 10).map(({ path }) => path)
  assert.deepEqual(movedOn(0, 4), ['a', 'b'])
  assert.deepEqual(movedOn(1, 5), ['b'])
  assert.deepEqual(movedOn(0, 6), ['a'])
  assert.deepEqual(movedOn(0, 7), [])
  assert.deepEqual(movedOn(2, 5), [])
})

test('changes are counted with the files that come because their rows have moved on', () => {
  using tree = emptyTree()
  tree.index.record(['a', 'b', 'c', 'd', 'e', 'f'].map((path) => finding(path)))
  tree.index.record(['b', 'c', 'd'].map((path) => ({ path, observation: file, digest: null, sameBytes: true })))
  // The rows a, e and f are three, but b, c and d would come with them.
  for (const [changes, end] of [3, 6, 8].map((many) => [many, tree.index.endWithin(0, many)] as const)) {
    const to = end ?? tree.index.head
    const rows = tree.index.changesAfter(0, 10, to).length
    assert.ok(rows + tree.index.movedOn(0, to, 10).length <= changes, `${changes} changes up to ${to}`)
  }
  assert.equal(tree.index.endWithin(0, 6), 6)
  assert.equal(tree.index.endWithin(0, 10), null)
})

test('a deferred row is in no changeset until it is recorded again, also after a restart', () => {
  using tree = emptyTree()
  tree.index.record([finding('a'), finding('b')])
  tree.index.defer('a', 1)
  tree.index.close()
  tree.index = tree.openIndex('second')
  assert.deepEqual(tree.index.deferred(), ['a'])
  assert.deepEqual(
    tree.index.changesAfter(0, 10).map(({ path }) => path),
    ['b'],
  )
  tree.index.record([finding('a')])
  assert.deepEqual(
    tree.index.changesAfter(2, 10).map(({ path }) => path),
    ['a'],
  )
})

test('what was deferred while it was compared is new to all receivers', () => {
  using tree = emptyTree()
  tree.index.record([finding('a')])
  const compared = { ...finding('a'), sameBytes: true }
  tree.index.defer('a', 1)
  tree.index.record([compared])
  assert.deepEqual([tree.index.get('a')?.sequence, tree.index.get('a')?.content], [2, 2])
})

test('epoch, head and rows survive a restart; the term is new and the old one still known', () => {
  using tree = emptyTree()
  tree.index.record([finding('a'), finding('b')])
  const { epoch } = tree.index
  tree.index.close()
  tree.index = tree.openIndex('second')
  assert.deepEqual([tree.index.epoch, tree.index.head, tree.index.term], [epoch, 2, 'second'])
  assert.ok(tree.index.knows('first', 2))
  tree.index.record([finding('c')])
  assert.ok(tree.index.knows('second', 3))
})

test('a term in which nothing was recorded is known for ever after, and for less than its first sequence too', () => {
  using tree = emptyTree()
  tree.index.record([finding('a'), finding('b')])
  tree.index.close()
  tree.index = tree.openIndex('idle')
  tree.index.close()
  tree.index = tree.openIndex('third')
  tree.index.record([finding('c')])
  assert.ok(tree.index.knows('idle', 2))
  assert.ok(tree.index.knows('idle', 1))
  assert.ok(!tree.index.knows('idle', 3))
})

test('a sequence that was given out after the copy this index comes from is not known', () => {
  using tree = emptyTree()
  tree.index.record([finding('a')])
  tree.index.close()
  // The agent went on to sequence 3 in term `first`, then this older state was restored and went on by itself.
  tree.index = tree.openIndex('restored')
  tree.index.record([finding('x'), finding('y'), finding('z')])
  assert.ok(tree.index.knows('first', 1))
  assert.ok(!tree.index.knows('first', 3))
  assert.ok(!tree.index.knows('never', 1))
})

test('content is found where a receiver holds it: at a living path, or at one deleted after its sequence', () => {
  using tree = emptyTree()
  tree.index.record([finding('a', digest('d')), finding('b', digest('e'))])
  tree.index.record([gone('b')])
  assert.equal(tree.index.held.holderOf(sent('d', 3), 2, 0), 'a')
  assert.equal(tree.index.held.holderOf(sent('d', 3), 0, 0), null)
  assert.equal(tree.index.held.holderOf(sent('e', 3), 2, 0), 'b')
  assert.equal(tree.index.held.holderOf(sent('e', 3), 3, 0), null)
  assert.equal(tree.index.held.holderOf(sent('d', 4), 2, 0), null)
})

test('after a receiver was told a part, what went away is found for those that had everything when it was there', () => {
  using tree = emptyTree()
  tree.index.record([finding('a', digest('d')), finding('b', digest('e'))])
  const whole = tree.index.held.wholeAt(2, 0)
  tree.index.record([finding('c', digest('f')), gone('b'), gone('c')])
  tree.index.held.noteCut(tree.index.head)
  assert.equal(tree.index.held.holderOf(sent('e', 3), 2, whole), 'b')
  assert.equal(tree.index.held.holderOf(sent('e', 3), 2, 0), null)
  assert.equal(tree.index.held.holderOf(sent('e', 3), 2, 1), null)
  // One that has come so far by parts never got `c`.
  assert.equal(tree.index.held.holderOf(sent('f', 3), 3, whole), null)
  assert.equal(tree.index.held.wholeAt(3, whole), whole)
  assert.equal(tree.index.held.wholeAt(1, whole), 0)
  assert.equal(tree.index.held.wholeAt(tree.index.head, whole), tree.index.head)
})

test('a file that moved untouched is found by itself, with or without a digest; what was deferred is not', () => {
  using tree = emptyTree()
  const observation = { ...file, inode: 7, ctime: 5 }
  tree.index.record([{ path: 'a', observation, digest: null, sameBytes: false }])
  tree.index.record([gone('a')])
  const moved = { ...observation, digest: digest('d') }
  assert.equal(tree.index.held.holderOf(moved, 1, 1), 'a')
  for (const other of [{ inode: 8 }, { size: 4 }, { ctime: 6 }, { mtime: 9 }])
    assert.equal(tree.index.held.holderOf({ ...moved, ...other }, 1, 1), null)
  tree.index.record([{ path: 'a', observation, digest: null, sameBytes: false }])
  tree.index.defer('a', 3)
  assert.equal(tree.index.held.holderOf(moved, 3, 3), null, 'nor while its old name is still known')
  tree.index.record([gone('a')])
  assert.equal(tree.index.held.holderOf(moved, 3, 3), null)
})

test('dropping tombstones moves the horizon', () => {
  using tree = emptyTree()
  tree.index.record([finding('a'), finding('b')])
  tree.index.record([gone('a'), gone('b')])
  tree.index.dropTombstones(3)
  assert.equal(tree.index.horizon, 3)
  assert.deepEqual(
    tree.index.changesAfter(0, 10).map(({ path }) => path),
    ['b'],
  )
})

test('listings cover every living entry once, whatever the page size, and say where a directory continues', () => {
  using tree = emptyTree()
  const directory: Observation = { ...file, kind: 'directory' }
  tree.index.record([{ path: '.', observation: directory, digest: null, sameBytes: false }])
  const names = Array.from({ length: 23 }, (_, number) => `f${number}`)
  tree.index.record([
    ...names.map((name) => finding(name)),
    { path: 'd', observation: directory, digest: null, sameBytes: false },
    finding('d/x'),
  ])
  tree.index.record([gone('f22'), gone('f3')])
  for (const limit of [1, 2, 7, 100]) {
    const seen: string[] = []
    let after: string | null = null
    let unfinished: string | null = null
    do {
      const { entries, next, continues } = list(tree, '.', after, limit)
      assert.equal(continues.before, unfinished)
      seen.push(...entries.map(({ path }) => path))
      unfinished = continues.after
      after = next
    } while (after !== null)
    assert.deepEqual(seen.sort(), ['.', 'd', 'd/x', ...names.filter((name) => name !== 'f22' && name !== 'f3')].sort())
  }
})

test('a directory that was listed to its end is not listed again, whatever is made in it before the next page', () => {
  const directory: Observation = { ...file, kind: 'directory' }
  const made = (path: string) => ({ path, observation: directory, digest: null, sameBytes: false })
  for (const within of ['.', 'a']) {
    using tree = emptyTree()
    tree.index.record(['.', 'a', 'a/b'].map(made))
    tree.index.record([finding('a/b/1'), finding('a/b/2'), finding('a/c')])
    const places: string[] = []
    const { entries, next } = list(tree, within, null, within === '.' ? 4 : 2)
    places.push(...entries.map(({ path }) => path))
    assert.ok(entries.some(({ path }) => path === 'a/c') && !entries.some(({ path }) => path === 'a/b/1'))
    tree.index.record([finding('a/d')])
    const rest = list(tree, within, next, 100)
    assert.equal(rest.continues.before, null)
    assert.deepEqual(
      rest.entries.map(({ path }) => path),
      ['a/b/1', 'a/b/2'],
    )
  }
})

test('the listing of a path has everything below it and nothing else, parents first, whatever the page size', () => {
  using tree = emptyTree()
  const directory: Observation = { ...file, kind: 'directory' }
  const made = (path: string) => ({ path, observation: directory, digest: null, sameBytes: false })
  tree.index.record(['.', 'a', 'a!', 'a/b', 'a/b/c', 'a/b-c', 'a0', 'a/z'].map(made))
  tree.index.record(
    ['a!/x', 'a/1', 'a/2', 'a/b/1', 'a/b/c/1', 'a/b-c/1', 'a0/x', 'a/gone'].map((path) => finding(path)),
  )
  tree.index.record([gone('a/gone')])
  const below = ['a/1', 'a/2', 'a/b', 'a/b-c', 'a/z', 'a/b/1', 'a/b/c', 'a/b-c/1', 'a/b/c/1']
  for (const limit of [1, 2, 3, 100]) {
    const seen: string[] = []
    let after: string | null = null
    do {
      const listed = list(tree, 'a', after, limit)
      seen.push(...listed.entries.map(({ path }) => path))
      after = listed.next
    } while (after !== null)
    assert.deepEqual(seen, below)
  }
  assert.deepEqual(list(tree, 'a/1', null, 10).entries, [])
  assert.deepEqual(list(tree, 'nowhere', null, 10).entries, [])
  const { next } = list(tree, 'a0', null, 1)
  assert.equal(next, null)
})

test('times beyond the integers of a double keep their value', () => {
  using tree = emptyTree()
  const mtime = 253_402_214_400_000_000
  tree.index.record([{ path: 'a', observation: { ...file, mtime }, digest: null, sameBytes: false }])
  assert.equal(tree.index.get('a')?.mtime, mtime)
})

test('a second agent on the same state is turned away with one line', () => {
  using tree = emptyTree()
  assert.throws(() => tree.openIndex('other'), /index\.db: in use by another agent/)
})

test('a damaged index is set aside and begun anew with another epoch', () => {
  const place = mkdtempSync(join(tmpdir(), 'rootferry-index-'))
  try {
    let id = 0
    const random = () => `id${id++}`
    const first = openRootIndex(place, random, 1)
    first.index.record([finding('a')])
    const { epoch } = first.index
    closeRootIndex(first.index)
    writeFileSync(join(place, 'index.db'), Buffer.alloc(8192, 'damage'))
    const second = openRootIndex(place, random, 2)
    assert.match(second.remark ?? '', /damaged/)
    assert.notEqual(second.index.epoch, epoch)
    assert.equal(second.index.head, 0)
    closeRootIndex(second.index)
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
})

test('an index that was not closed before the machine went down gets another epoch', () => {
  const place = mkdtempSync(join(tmpdir(), 'rootferry-index-'))
  try {
    mkdirSync(place, { recursive: true })
    let id = 0
    const random = () => `id${id++}`
    const opened = openRootIndex(place, random, 1)
    const { epoch } = opened.index
    opened.index.memory.setNote('boot', 'another boot')
    opened.index.close()
    const after = openRootIndex(place, random, 2)
    assert.notEqual(after.index.epoch, epoch)
    after.index.memory.setNote('boot', 'another boot')
    const kept = after.index.epoch
    closeRootIndex(after.index)
    const orderly = openRootIndex(place, random, 3)
    assert.equal(orderly.index.epoch, kept)
    closeRootIndex(orderly.index)
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
})

test('files are found by inode, and old tombstones by sequence, without a pass over all rows', () => {
  const database = openIndexDatabase(':memory:')
  const planOf = (where: string) =>
    database
      .prepare(`EXPLAIN QUERY PLAN SELECT * FROM entries WHERE ${where}`)
      .all(0)
      .map((step) => String(step['detail']))
      .join()
  assert.match(planOf('inode = ? AND kind = 1'), /USING INDEX entries_object/)
  assert.match(planOf('kind = 0 AND sequence <= ?'), /USING INDEX entries_gone/)
  database.close()
})

test('a directory of which nothing is left loses its number together with its last tombstone', () => {
  const database = openIndexDatabase(':memory:')
  const index = new EntryIndex(database, { epoch: 'e', term: 't' }, false)
  const numbered = () =>
    database
      .prepare('SELECT path FROM directories ORDER BY path')
      .all()
      .map((row) => row['path'])
  index.record([finding('a/b/c'), finding('a/b/d'), finding('e/f')])
  index.record([gone('a/b/c'), gone('a/b/d'), gone('e/f')])
  index.record([finding('e/g')])
  index.dropTombstones(index.head - 2)
  assert.deepEqual(numbered(), ['e'])
  index.record([finding('a/b/c')])
  assert.equal(index.get('a/b/c')?.sequence, index.head)
  assert.deepEqual(numbered(), ['a/b', 'e'])
  index.close()
})

test('a write that fails takes back what the index remembered of it, numbers of directories too', () => {
  using database = openIndexDatabase(':memory:')
  const index = new EntryIndex(database, { epoch: 'e', term: 't' }, false)
  const found = {
    kind: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: 1,
    mtime: 1,
    ctime: 1,
    inode: 1,
    target: null,
    extended: null,
    link: 0,
  } as const
  const finding = (path: string) => ({ path, observation: found, digest: null, sameBytes: false })
  index.record([finding('a')])
  database.exec("CREATE TRIGGER full BEFORE UPDATE ON meta BEGIN SELECT raise(ABORT, 'full'); END")
  assert.throws(() => index.record([finding('lost/x')]))
  database.exec('DROP TRIGGER full')
  assert.deepEqual([index.head, index.totals.files], [1, 1])
  index.record([finding('other/y'), finding('lost/z')])
  assert.equal(index.get('other/z'), null)
  assert.equal(index.get('lost/y'), null)
  assert.equal(index.head, 3)
  assert.ok(index.get('lost/z') !== null && index.get('other/y') !== null)
})
