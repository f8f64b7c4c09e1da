/** One root's disk side, driven through its queue as its thread does. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { test } from 'node:test'
import { digestOf, type ToReceiver } from '@rootferry/protocol'
import {
  absent,
  directory,
  Feed,
  file,
  MTIME,
  pathsOf,
  Scratch,
  segmentOf,
  symlink,
  TERM,
  treeOf,
  until,
} from '../../test-support/test-feed.ts'
import type { RootDisk } from './root-disk.ts'

test('a first changeset makes files, directories and symlinks visible with all their attributes', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  assert.equal(feed.connect().target, 'empty')
  const event = await feed.commit([
    directory('.', { mode: 0o750 }),
    directory('a', { mode: 0o555 }),
    directory('a/b'),
    file('a/b/f', 'hello', { mode: 0o600, mtime: MTIME - 1 }),
    file('a/g', '', { mode: 0o444 }),
    symlink('l', 'a/b/f', { mtime: -1_500_000 }),
    file('late/child', 'x'),
  ])
  assert.equal(event.added, 6)
  const tree = treeOf(feed.target)
  const ids = (tree['a/g'] ?? '').split(' ').slice(2, 4).join(' ')
  assert.equal(tree['.'], `d ${0o750} ${ids} ${MTIME}`)
  assert.equal(tree['a'], `d ${0o555} ${ids} ${MTIME}`)
  assert.match(tree['a/b/f'] ?? '', new RegExp(`^f ${0o600} ${ids} ${MTIME - 1} 5 `))
  assert.match(tree['l'] ?? '', / -1500000 a\/b\/f$/)
  assert.equal(readFileSync(scratch.at('target/late/child'), 'utf8'), 'x')
  assert.deepEqual(readdirSync(scratch.at('state/staging')), [])
  const durable = await feed.seen('durable')
  assert.equal(durable.sequence, 1)
  assert.deepEqual(
    feed.all('phase').map(({ phase }) => phase),
    ['idle', 'replaying', 'live'],
  )
  await feed.commit([absent('late'), absent('late/child'), file('a/b/f', 'other')])
  assert.equal(treeOf(feed.target)['late'], undefined)
  assert.equal(treeOf(feed.target)['.'], `d ${0o750} ${ids} ${MTIME}`)
})

test('what breaks the order of the exchange is answered with the reason to close for, and nothing after it counts', async () => {
  const welcome = {
    type: 'welcome',
    software: 't',
    epoch: 'epoch-1',
    term: 'term-1',
    head: 9,
    start: 'replay',
    sequence: 0,
    reason: '',
    total: { entries: 0, bytes: 0 },
    filter: [],
    othersCurrent: false,
    clash: null,
    prepared: null,
    released: 0,
  } satisfies ToReceiver
  const changeset = {
    type: 'changeset',
    base: 0,
    from: 0,
    to: 1,
    head: 9,
    request: null,
    changes: 1,
    bytes: 0,
  } satisfies ToReceiver
  const [segment, packed] = await segmentOf([file('a', 'x')])
  const commit = { type: 'commit', to: 1 } satisfies ToReceiver
  const [, otherPacked] = await segmentOf([file('a', 'other')])
  const wrong = { ...segment, changes: segment.changes.map((change) => ({ ...change, digest: digestOf(otherPacked) })) }
  const cases: [string, (ToReceiver | Buffer)[]][] = [
    ['unexpected-message', [changeset]],
    ['unexpected-message', [welcome, welcome]],
    ['unexpected-message', [{ ...welcome, sequence: 3 }]],
    ['unexpected-message', [{ ...welcome, head: 2, sequence: 3 }]],
    ['unexpected-message', [welcome, segment]],
    ['unexpected-message', [welcome, commit]],
    ['unexpected-message', [welcome, packed]],
    ['unexpected-message', [welcome, changeset, changeset]],
    ['unexpected-message', [welcome, { ...changeset, from: 1, to: 2 }]],
    ['unexpected-message', [welcome, { ...changeset, request: 5 }]],
    ['unexpected-message', [welcome, { ...changeset, changes: 2 }, segment, packed, segment]],
    ['unexpected-message', [welcome, changeset, segment, commit]],
    ['unexpected-message', [welcome, changeset, segment, packed, { ...commit, to: 2 }]],
    ['content-mismatch', [welcome, { ...changeset, changes: 0 }, segment]],
    ['content-mismatch', [welcome, { ...changeset, changes: 2 }, segment, packed, { ...segment, index: 1 }, packed]],
    ['content-mismatch', [welcome, changeset, wrong as typeof segment, packed]],
    ['content-mismatch', [welcome, changeset, segment, Buffer.alloc(segment.bytes)]],
    ['content-mismatch', [welcome, changeset, segment, Buffer.concat([packed, packed])]],
    ['malformed-message', [welcome, Buffer.from('{')]],
  ]
  for (const [code, frames] of cases) {
    using scratch = new Scratch()
    await using feed = await new Feed(scratch).open()
    feed.disk.hello()
    const label = frames.map((frame) => (Buffer.isBuffer(frame) ? 'bytes' : frame.type)).join()
    for (const frame of frames) {
      if (!Buffer.isBuffer(frame)) feed.text(frame)
      else if (code === 'malformed-message') feed.disk.receiveText(frame)
      else feed.bytes(frame)
    }
    // Would be a whole changeset, if it still counted.
    feed.text(changeset)
    feed.segment([segment, packed])
    feed.text(commit)
    const { error } = await feed.seen('broken')
    assert.equal(error.code, code, `${label}: ${error.message}`)
    await feed.close()
    assert.equal(feed.all('broken').length, 1, label)
    assert.deepEqual(readdirSync(feed.target), [], label)
    assert.deepEqual(readdirSync(scratch.at('state/staging')), [], label)
  }
})

test('a connection that ends drops what was not committed, and the same changeset can come again', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  const fed = [directory('d'), file('d/a', '1'), file('b', '2')]
  feed.begin(3, 0, 1)
  feed.segment(await segmentOf(fed))
  await feed.seen('consumed')
  assert.notDeepEqual(readdirSync(scratch.at('state/staging')), [])
  feed.disk.disconnected()
  await until(() => readdirSync(scratch.at('state/staging')).length === 0, 'a clean staging directory')
  assert.deepEqual(readdirSync(feed.target), [])
  assert.equal(feed.connect().sequence, 0)
  await feed.commit(fed)
  assert.deepEqual(readdirSync(feed.target).sort(), ['b', 'd'])
  feed.disk.disconnected()
  assert.equal(feed.connect({ head: 7 }).sequence, 1)
  await feed.commit([absent('b')], { head: 7 })
  assert.equal(feed.all('phase').at(-1)?.phase, 'replaying')
  await feed.commit([absent('d/a')], { head: 3 })
  assert.equal(feed.all('phase').at(-1)?.phase, 'replaying')
})

test('a position is not believed when the target was emptied or replaced behind its back', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  await feed.commit([file('a', '1')])
  await feed.commit([file('a', '2')])
  await feed.close()
  await feed.open()
  assert.equal(feed.disk.hello().sequence, 2)
  rmSync(scratch.at('target/a'))
  assert.deepEqual(
    { ...feed.disk.hello(), partials: null },
    {
      epoch: null,
      term: null,
      sequence: 0,
      durable: 0,
      target: 'empty',
      partials: null,
      prepared: null,
    },
  )
  feed.connect()
  await feed.commit([file('a', '1')])
  await feed.commit([file('a', '2')])
  await feed.close()
  rmSync(scratch.at('target'), { recursive: true })
  await assert.rejects(feed.open(), /the target is missing, and was there before: put it back/)
  assert.equal(existsSync(scratch.at('target')), false)
  mkdirSync(scratch.at('target'))
  await feed.open()
  assert.equal(feed.disk.hello().epoch, null)
  rmSync(scratch.at('target'), { recursive: true })
  assert.throws(() => feed.disk.hello(), /was removed while it was served/)
})

test('what is owed survives a restart and is asked for again', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  await feed.commit([file('a', 'x', { source: { copy: 'missing' } }), file('b', 'y')])
  await feed.told('want')
  await feed.close()
  feed.sent.length = 0
  await feed.open()
  feed.connect()
  const want = await feed.told('want')
  assert.deepEqual(pathsOf(want), ['a'])
  assert.notEqual(feed.all('phase').at(-1)?.phase, 'live')
  await feed.changeset([absent('a')], { request: want.request })
  await feed.told('repaired')
  await until(() => feed.all('phase').at(-1)?.phase === 'live', 'live')
  assert.deepEqual(
    feed.allSent('committed').map(({ sequence }) => sequence),
    [],
  )
})

test('an answer that leaves a path out leaves it owed, and what the filter leaves out by now is not asked for', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  const copy = (path: string) => file(path, 'x', { source: { copy: 'missing' } })
  await feed.commit([copy('a'), copy('b.log'), copy('c'), file('d', 'y')])
  const want = await feed.told('want')
  assert.deepEqual(pathsOf(want).sort(), ['a', 'b.log', 'c'])
  await feed.changeset([file('c', 'now')], { request: want.request })
  await feed.told('repaired')
  assert.equal(feed.allSent('want').length, 1)
  feed.disk.disconnected()
  feed.connect({ filter: ['*.log'] })
  await until(() => feed.allSent('want').length === 2, 'another want')
  assert.deepEqual(pathsOf(feed.allSent('want')[1]), ['a'])
})

test('an owed path that a later changeset brings is not owed any more', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  await feed.commit([file('a', 'x', { source: { copy: 'missing' } }), file('b', 'y')])
  await feed.commit([file('a', 'x')])
  feed.disk.disconnected()
  feed.sent.length = 0
  feed.connect()
  await feed.commit([file('b', 'z')])
  assert.deepEqual(feed.allSent('want'), [])
})

test('nothing is said between hello and welcome, and what could not be said then is said after it', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  await feed.commit([file('a', 'x')])
  feed.disk.disconnected()
  feed.sent.length = 0
  assert.equal(feed.disk.hello().durable, 0)
  await feed.seen('durable')
  assert.deepEqual(feed.sent, [])
  feed.welcome({ sequence: 1, head: 1 })
  assert.equal((await feed.told('durable')).sequence, 1)
})

test('a target that holds nothing but what is protected is empty', async () => {
  using scratch = new Scratch()
  mkdirSync(scratch.at('target/var/log'), { recursive: true })
  await using feed = await new Feed(scratch).open({ protect: ['/var/'] })
  assert.equal(feed.disk.hello().target, 'empty')
  mkdirSync(scratch.at('target/other'))
  assert.equal(feed.disk.hello().target, 'populated')
})

test('a changeset may hold fewer changes than announced, and segment numbers may have gaps', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  feed.begin(9, 0, 1)
  feed.segment(await segmentOf([file('a', '1')], { index: 2 }))
  feed.segment(await segmentOf([file('b', '2')], { index: 5 }))
  feed.text({ type: 'commit', to: 1 })
  await feed.seen('committed')
  feed.begin(3, 1, 2)
  feed.text({ type: 'commit', to: 2 })
  await feed.seen('committed', ({ sequence }) => sequence === 2)
  assert.deepEqual(readdirSync(feed.target).sort(), ['a', 'b'])
})

test('a protected path is ignored from the first changeset on', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open({ protect: ['secret/', '/top'] })
  feed.connect()
  await feed.commit([
    directory('d'),
    directory('d/secret'),
    file('d/secret/f', '1'),
    file('top', '2'),
    file('d/top', '3'),
    directory('.rootferry'),
    file('.rootferry/x', '4'),
  ])
  assert.deepEqual(readdirSync(feed.target, { recursive: true }).sort(), ['d', 'd/top'])
  assert.deepEqual(feed.all('problem'), [])
})

test('a file makes way when a directory of its name is protected, which files are not', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open({ protect: ['/keep/'] })
  feed.connect()
  await feed.commit([file('keep', 'a file'), file('a', '1')])
  await feed.commit([directory('keep'), file('keep/inside', 'ignored')])
  assert.deepEqual(readdirSync(feed.target), ['a'])
  mkdirSync(scratch.at('target/keep'))
  await feed.commit([directory('keep'), file('a', '2')])
  assert.deepEqual(readdirSync(feed.target).sort(), ['a', 'keep'])
})

test('a file is counted in progress and credit once it is staged', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  const packed = await segmentOf([file('a', 'x'.repeat(1000))], { encoding: 'zstd' })
  feed.begin(1, 0, 1)
  feed.segment(packed)
  const consumed = await feed.seen('consumed')
  assert.equal(consumed.bytes, packed[1].length)
  assert.deepEqual(feed.all('progress').at(-1), { type: 'progress', entries: 1, bytes: 1000 })
})

test('many files, more than are synced one by one, are durable as well, and a clean end needs no loss of position', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  const fed = Array.from({ length: 100 }, (_, index) => file(`d/f${index}`, String(index)))
  await feed.commit(fed)
  assert.equal((await feed.told('durable')).sequence, 1)
  await feed.commit([absent('d/f0')])
  await feed.close()
  assert.equal(feed.all('durable').at(-1)?.sequence, 2)
  await feed.open({ bootId: 'another boot' })
  const { sequence, durable } = feed.disk.hello()
  assert.deepEqual({ sequence, durable }, { sequence: 2, durable: 2 })
})

/** The next connection, when what came over the last one is worked off. */
async function reconnected(feed: Feed): Promise<ReturnType<RootDisk['hello']>> {
  feed.disk.disconnected()
  const { promise, resolve } = Promise.withResolvers<ReturnType<RootDisk['hello']>>()
  feed.disk.greet(resolve)
  const hello = await promise
  feed.welcome({ sequence: hello.sequence, head: 9, prepared: hello.prepared?.sequence ?? null })
  return hello
}

test('what is staged of a changeset when the connection ends is offered, is not visible, and is committed with its rest', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect({ head: 9 })
  feed.begin(6, 0, 6)
  feed.segment(await segmentOf([directory('a'), file('a/f', 'one')], { to: 2 }))
  feed.segment(await segmentOf([file('g', 'two')], { index: 1 }))
  feed.segment(await segmentOf([file('h', 'three')], { index: 2, to: 4 }))
  feed.segment(await segmentOf([file('i', 'four')], { index: 3 }))
  const first = await reconnected(feed)
  assert.deepEqual([first.sequence, first.prepared], [0, { sequence: 4, term: TERM }])
  assert.equal(existsSync(scratch.at('target/a')), false)
  assert.equal(feed.all('kept').at(-1)?.sequence, 4)
  // Over a restart too, and once more amid the rest.
  await feed.close()
  await feed.open()
  assert.deepEqual(feed.connect({ head: 9, prepared: 4 }).prepared, { sequence: 4, term: TERM })
  feed.text({ type: 'changeset', base: 0, from: 4, to: 7, head: 9, request: null, changes: 3, bytes: 0 })
  feed.segment(await segmentOf([file('g', 'newer'), absent('h')], { to: 6 }))
  assert.deepEqual((await reconnected(feed)).prepared, { sequence: 6, term: TERM })
  feed.text({ type: 'changeset', base: 0, from: 6, to: 7, head: 9, request: null, changes: 1, bytes: 0 })
  feed.segment(await segmentOf([file('i', 'four')], { to: 7 }))
  feed.text({ type: 'commit', to: 7 })
  await feed.seen('committed', ({ sequence }) => sequence === 7)
  const tree = treeOf(feed.target)
  assert.deepEqual(Object.keys(tree).sort(), ['.', 'a', 'a/f', 'g', 'i'])
  assert.equal(readFileSync(scratch.at('target/g'), 'utf8'), 'newer')
  assert.deepEqual(readdirSync(scratch.at('state/staging')), [])
})

test('nothing is kept of a changeset whose agent broke the protocol, or that told no end', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect({ head: 9 })
  await feed.commit([file('a', 'held')])
  feed.begin(3, 1, 4)
  feed.segment(await segmentOf([file('b', 'x')], { to: 2 }))
  feed.text({ type: 'commit', to: 9 })
  await feed.seen('broken')
  assert.equal((await reconnected(feed)).prepared, null)
  feed.begin(3, 1, 4)
  feed.segment(await segmentOf([file('b', 'x')]))
  assert.equal((await reconnected(feed)).prepared, null)
  assert.deepEqual(readdirSync(scratch.at('target')), ['a'])
})

test('copies are kept too, those whose origin goes away and those that a file here does not make', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect({ head: 9 })
  await feed.commit([file('a', 'held'), file('e', 'stays')])
  feed.begin(9, 1, 9)
  const copyOf = (path: string, content: string, origin: string) => file(path, content, { source: { copy: origin } })
  feed.segment(await segmentOf([file('b', 'x'), copyOf('c', 'held', 'a'), absent('a')], { to: 4 }))
  feed.segment(await segmentOf([copyOf('d', 'stays', 'e'), copyOf('f', 'held', 'nowhere')], { index: 1, to: 6 }))
  // Of the last segment nothing is known to be whole.
  feed.segment(await segmentOf([copyOf('g', 'stays', 'e'), file('h', 'y')], { index: 2 }))
  assert.equal((await reconnected(feed)).prepared?.sequence, 6)
  assert.deepEqual(readdirSync(scratch.at('target')).sort(), ['a', 'e'])
  feed.text({ type: 'changeset', base: 1, from: 6, to: 9, head: 9, request: null, changes: 3, bytes: 0 })
  feed.segment(await segmentOf([copyOf('g', 'held', 'a'), file('h', 'y')], { to: 9 }))
  feed.text({ type: 'commit', to: 9 })
  await feed.seen('committed', ({ sequence }) => sequence === 9)
  const there = readdirSync(scratch.at('target')).sort()
  assert.deepEqual(
    there.map((name) => [name, readFileSync(scratch.at(`target/${name}`), 'utf8')]),
    [
      ['b', 'x'],
      ['c', 'held'],
      ['d', 'stays'],
      ['e', 'stays'],
      ['g', 'held'],
      ['h', 'y'],
    ],
  )
  const wanted = feed.allSent('want').flatMap(({ paths }) => paths.map(([path]) => path))
  assert.deepEqual(wanted, ['f'])
})

test('frames that came before the connection ended are worked off before the next hello, a commit too', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect({ head: 9 })
  await feed.changeset([file('a', 'x')])
  await feed.changeset([file('b', 'y')])
  assert.equal((await reconnected(feed)).sequence, 2)
  assert.deepEqual(feed.all('broken'), [])
})

for (const { what, again } of [
  { what: 'goes', again: [] },
  { what: 'goes, and others change', again: [directory('a/b', { mode: 0o700 }), file('a/b/new', 'new')] },
]) {
  test(`a directory that is staged in another one and then ${what} within a series does not come along`, async () => {
    using scratch = new Scratch()
    await using feed = await new Feed(scratch).open()
    feed.connect({ head: 9 })
    feed.begin(9, 0, 9)
    const first = [directory('a'), directory('a/b'), file('a/b/f', 'f'), directory('a/c'), file('a/c/g', 'g')]
    feed.segment(await segmentOf([...first, directory('d'), file('d/h', 'h')], { to: 7 }))
    await reconnected(feed)
    feed.text({ type: 'changeset', base: 0, from: 7, to: 9, head: 9, request: null, changes: 9, bytes: 0 })
    const rest = [absent('a/c'), absent('a/c/g'), absent('d/h'), file('d', 'a file now'), ...again]
    feed.segment(await segmentOf(rest, { to: 9 }))
    feed.text({ type: 'commit', to: 9 })
    await feed.seen('committed', ({ sequence }) => sequence === 9)
    const paths = ['.', 'a', 'a/b', 'a/b/f', ...(again.length > 0 ? ['a/b/new'] : []), 'd']
    assert.deepEqual(Object.keys(treeOf(feed.target)).sort(), paths)
    assert.deepEqual(feed.all('problem'), [])
    assert.deepEqual(readdirSync(scratch.at('state/staging')), [])
  })
}
