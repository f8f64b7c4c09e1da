/** The packer on a real tree: what it sends, what it refers to, and what it leaves out when files change meanwhile. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Refusal } from '@rootferry/host/machine'
import { decodeToReceiver, digestOf, LIMITS } from '@rootferry/protocol'
import { byPath, decodeHeader, packAll, setUp, treeWith } from '../../../test-support/packing.ts'
import { BOUNDS } from '../../bounds.ts'
import { Turn } from '../turn.ts'
import { SLICE_BYTES } from './changeset-plan.ts'

test('a first changeset carries every file with its digest, empty ones too, and teaches the index', async () => {
  using tree = treeWith({ 'a/one': 'first', two: '', three: 'x'.repeat(5_000) })
  symlinkSync('a/one', join(tree.root, 'link'))
  const { packer } = setUp(tree)
  tree.scanAll()
  const plan = await packer.planChangeset({ from: 0 })
  assert.deepEqual([plan.from, plan.to, plan.head], [0, tree.index.head, tree.index.head])
  const { changes, contents } = await packAll(packer, plan)
  assert.deepEqual(changes.map(({ path }) => path).sort(), ['.', 'a', 'a/one', 'link', 'three', 'two'])
  for (const path of ['a/one', 'two', 'three']) {
    const change = byPath(changes, path)
    assert.ok(change?.kind === 'file' && change.source === 'tar')
    assert.equal(contents.get(path)?.toString(), readFileSync(join(tree.root, path), 'utf8'))
    assert.equal(change.digest, digestOf(readFileSync(join(tree.root, path))))
  }
  packer.flushLearnt()
  assert.equal(tree.index.get('three')?.digest, digestOf(Buffer.from('x'.repeat(5_000))))
})

test('the same rows pack to the same bytes', async () => {
  using tree = treeWith({ a: 'content a', b: 'content b' })
  const { packer } = setUp(tree)
  tree.scanAll()
  const plan = await packer.planChangeset({ from: 0 })
  const first = await packer.pack(plan.id, 0, false)
  const second = await packer.pack(plan.id, 0, false)
  assert.equal(first.header, second.header)
  assert.equal(Buffer.compare(first.payload, second.payload), 0)
})

test('chmod travels without content, a renamed directory as references', async () => {
  using tree = treeWith({ 'a/x': 'content x', 'a/y': 'content y', z: 'content z' })
  const { packer } = setUp(tree)
  tree.scanAll()
  await packAll(packer, await packer.planChangeset({ from: 0 }))
  packer.flushLearnt()
  const from = tree.index.head
  chmodSync(join(tree.root, 'z'), 0o600)
  renameSync(join(tree.root, 'a'), join(tree.root, 'b'))
  tree.scan('z', 'a', 'b')
  const { changes, contents, segments } = await packAll(packer, await packer.planChangeset({ from }))
  assert.equal(contents.size, 0)
  assert.equal(
    segments.reduce((sum, { bytes }) => sum + bytes, 0),
    0,
  )
  const sourceOf = (path: string) => {
    const change = byPath(changes, path)
    return change?.kind === 'file' ? change.source : change?.kind
  }
  assert.equal(sourceOf('z'), 'keep')
  assert.deepEqual(sourceOf('b/x'), { copy: 'a/x' })
  assert.deepEqual(sourceOf('b/y'), { copy: 'a/y' })
  assert.equal(sourceOf('a/x'), 'absent')
})

test('a copied file is a reference once its bytes are read, a file renamed alone too', async () => {
  using tree = treeWith({ a: 'the same bytes', m: 'moved bytes' })
  const { packer } = setUp(tree)
  tree.scanAll()
  await packAll(packer, await packer.planChangeset({ from: 0 }))
  packer.flushLearnt()
  const from = tree.index.head
  writeFileSync(join(tree.root, 'copy'), 'the same bytes')
  renameSync(join(tree.root, 'm'), join(tree.root, 'n'))
  tree.scan('copy', 'm', 'n')
  const { changes, contents } = await packAll(packer, await packer.planChangeset({ from }))
  assert.equal(contents.size, 0)
  const copy = byPath(changes, 'copy')
  const moved = byPath(changes, 'n')
  assert.deepEqual(copy?.kind === 'file' && copy.source, { copy: 'a' })
  assert.deepEqual(moved?.kind === 'file' && moved.source, { copy: 'm' })
})

test('a receiver that never had the origin gets the bytes', async () => {
  using tree = treeWith({ a: 'the same bytes' })
  const { packer } = setUp(tree)
  tree.scanAll()
  writeFileSync(join(tree.root, 'copy'), 'the same bytes')
  tree.scan('copy')
  const { contents } = await packAll(packer, await packer.planChangeset({ from: 0 }))
  assert.deepEqual([...contents.keys()].sort(), ['a', 'copy'])
})

test('a file that grew since it was scanned is deferred, hinted at, and leaves the changeset', async () => {
  using tree = treeWith({ a: 'short', b: 'stays' })
  const { packer, deferred } = setUp(tree)
  tree.scanAll()
  const plan = await packer.planChangeset({ from: 0 })
  appendFileSync(join(tree.root, 'a'), Buffer.alloc(100_000))
  const { changes } = await packAll(packer, plan)
  assert.equal(byPath(changes, 'a'), undefined)
  assert.ok(byPath(changes, 'b'))
  assert.deepEqual(deferred, [['a', 'outgrown']])
  assert.deepEqual(tree.scan('a'), ['a'])
  const { contents } = await packAll(packer, await packer.planChangeset({ from: plan.to }))
  assert.equal(contents.get('a')?.byteLength, 100_005)
})

for (const [what, after] of [
  ['rewritten', 'after!'],
  ['rewritten shorter', 'now'],
  ['emptied', ''],
  ['appended to', 'before, and what came after it'],
] as const) {
  test(`a file ${what} since it was scanned is sent as it is now, and looked at again`, async () => {
    using tree = treeWith({ a: 'before', b: 'stays' })
    const { packer, doubted } = setUp(tree)
    tree.scanAll()
    const plan = await packer.planChangeset({ from: 0 })
    writeFileSync(join(tree.root, 'a'), after)
    chmodSync(join(tree.root, 'a'), 0o640)
    const { changes, contents } = await packAll(packer, plan)
    const change = byPath(changes, 'a')
    assert.ok(change?.kind === 'file' && change.mode === 0o640)
    assert.equal(contents.get('a')?.toString(), after)
    assert.equal(contents.get('b')?.toString(), 'stays')
    assert.deepEqual(doubted, ['a'])
  })
}

for (const [name, replace] of [
  ['removed', () => undefined],
  ['replaced by a directory', (path: string) => mkdirSync(path)],
  ['replaced by a symlink', (path: string) => symlinkSync('/etc/passwd', path)],
  ['replaced by a FIFO', (path: string) => execFileSync('mkfifo', [path])],
] as const) {
  test(`a file that was ${name} since the scan is deferred and nothing of it sent`, async () => {
    using tree = treeWith({ a: 'content' })
    const { packer, deferred } = setUp(tree)
    tree.scanAll()
    const plan = await packer.planChangeset({ from: 0 })
    rmSync(join(tree.root, 'a'))
    replace(join(tree.root, 'a'))
    const { changes, contents } = await packAll(packer, plan)
    assert.equal(byPath(changes, 'a'), undefined)
    assert.equal(contents.size, 0)
    assert.deepEqual(deferred, [['a', 'vanished']])
  })
}

test('a file too large for a segment travels in slices, its change with the last', async () => {
  const content = Buffer.alloc(SLICE_BYTES * 2 + 12_345, 'slice by slice ')
  using tree = treeWith({ big: content, small: 'small' })
  const { packer } = setUp(tree)
  tree.scanAll()
  const { changes, contents, segments } = await packAll(packer, await packer.planChangeset({ from: 0 }))
  assert.equal(Buffer.compare(contents.get('big') ?? Buffer.alloc(0), content), 0)
  const change = byPath(changes, 'big')
  assert.ok(change?.kind === 'file' && change.source === 'slices' && change.digest === digestOf(content))
  const slices = segments.flatMap(({ slice, changes: described }) =>
    slice === null ? [] : [[slice.offset, described.length]],
  )
  assert.deepEqual(slices, [
    [0, 0],
    [SLICE_BYTES, 0],
    [SLICE_BYTES * 2, 1],
  ])
})

test('a large file that is emptied before it is planned is deferred, though nothing of it needs room', async () => {
  using tree = treeWith({ big: Buffer.alloc(SLICE_BYTES + 1, 'x') })
  const { packer, deferred } = setUp(tree)
  tree.scanAll()
  truncateSync(join(tree.root, 'big'), 0)
  const { changes } = await packAll(packer, await packer.planChangeset({ from: 0 }))
  assert.equal(byPath(changes, 'big'), undefined)
  assert.ok(deferred.every(([path]) => path === 'big'))
  tree.scan('big')
  const { changes: next } = await packAll(packer, await packer.planChangeset({ from: 0 }))
  assert.ok(byPath(next, 'big'))
})

test('a receiver that has the first slices gets the digest of the whole all the same', async () => {
  const content = Buffer.alloc(SLICE_BYTES * 2 + 5, 'abc')
  using tree = treeWith({ big: content })
  const { packer } = setUp(tree)
  tree.scanAll()
  const plan = await packer.planChangeset({ from: 0 })
  const last = plan.segments.findLastIndex(({ slice }) => slice?.isLast === true)
  const header = decodeHeader(await packer.pack(plan.id, last, false))
  const change = header.changes[0]
  assert.ok(change?.kind === 'file' && change.digest === digestOf(content))
})

test('of another version than the row describes no digest is learnt: the scanner still sees that it is another', async () => {
  const size = SLICE_BYTES + 5_000
  using tree = treeWith({ large: Buffer.alloc(size, 1), twin: Buffer.alloc(size, 2) })
  const { packer, doubted } = setUp(tree)
  tree.scanAll()
  const { mtimeMs } = statSync(join(tree.root, 'large'))
  writeFileSync(join(tree.root, 'large'), Buffer.alloc(size, 3))
  utimesSync(join(tree.root, 'large'), mtimeMs / 1000, mtimeMs / 1000)
  // Once as content that is sent, once as content that another path may already hold.
  for (const from of [0, 1]) {
    const plan = await packer.planChangeset({ from })
    const { changes } = await packAll(packer, plan)
    const sent = byPath(changes, 'large')
    assert.ok(sent?.kind === 'file')
    assert.equal(sent.digest, digestOf(Buffer.alloc(size, 3)))
    packer.flushLearnt()
    assert.equal(tree.index.get('large')?.digest, null)
  }
  assert.ok(doubted.includes('large'))
  const { head } = tree.index
  tree.scanAll()
  assert.equal(tree.index.get('large')?.content, head + 1)
})

test('a large file that changes between its slices is given up for this changeset', async () => {
  using tree = treeWith({ big: Buffer.alloc(SLICE_BYTES * 2, 'x') })
  const { packer, deferred } = setUp(tree)
  tree.scanAll()
  const plan = await packer.planChangeset({ from: 0 })
  const first = plan.segments.findIndex(({ slice }) => slice !== null)
  assert.ok(decodeHeader(await packer.pack(plan.id, first, false)).slice)
  truncateSync(join(tree.root, 'big'), SLICE_BYTES + 10)
  const second = decodeHeader(await packer.pack(plan.id, first + 1, false))
  assert.equal(second.slice, null)
  assert.deepEqual(second.changes, [])
  assert.deepEqual(deferred, [['big', 'unsettled']])
})

test('what shrinks is compressed', async () => {
  using tree = treeWith({ text: 'compress me '.repeat(20_000) })
  const { packer } = setUp(tree)
  tree.scanAll()
  const { segments, contents } = await packAll(packer, await packer.planChangeset({ from: 0 }), true)
  assert.ok(segments.some(({ encoding, bytes, tarBytes }) => encoding === 'zstd' && bytes < tarBytes / 5))
  assert.equal(contents.get('text')?.toString(), 'compress me '.repeat(20_000))
})

test('a slice that shrinks says how long its archive is', async () => {
  using tree = treeWith({ big: Buffer.alloc(SLICE_BYTES + 1, 'slice by slice ') })
  const { packer } = setUp(tree)
  tree.scanAll()
  const { segments } = await packAll(packer, await packer.planChangeset({ from: 0 }), true)
  const slices = segments.filter(({ slice }) => slice !== null)
  assert.deepEqual(
    slices.map(({ encoding, tarBytes }) => [encoding, tarBytes]),
    [
      ['zstd', LIMITS.segmentBytes],
      ['zstd', 2048],
    ],
  )
})

test('what does not shrink is sent as it is, even over a slow line', async () => {
  using tree = treeWith({ image: randomBytes(200_000) })
  const { packer } = setUp(tree)
  tree.scanAll()
  const { segments } = await packAll(packer, await packer.planChangeset({ from: 0 }), true)
  assert.ok(segments.every(({ encoding }) => encoding === 'tar'))
})

test('a want is answered with the present state and its content, whatever the receiver had', async () => {
  using tree = treeWith({ a: 'content a' })
  const { packer } = setUp(tree)
  tree.scanAll()
  await packAll(packer, await packer.planChangeset({ from: 0 }))
  const plan = await packer.planRepair(7, [
    ['a', null],
    ['missing', null],
  ])
  assert.deepEqual([plan.request, plan.from === plan.to], [7, true])
  const { changes, contents } = await packAll(packer, plan)
  assert.equal(contents.get('a')?.toString(), 'content a')
  assert.equal(byPath(changes, 'missing')?.kind, 'absent')
})

test('what no scan has found yet is not said to be absent: it is looked at, and comes as a change', async () => {
  using tree = treeWith({ a: 'content a', gone: 'x' })
  tree.scanAll()
  rmSync(join(tree.root, 'gone'))
  tree.scanAll()
  const { packer, hinted } = setUp(tree)
  writeFileSync(join(tree.root, 'gone'), 'is back')
  mkdirSync(join(tree.root, 'new/directory'), { recursive: true })
  const asked = ['a', 'gone', 'new/directory', 'missing', 'a/below'].map((path) => [path, null] as const)
  const { changes } = await packAll(packer, await packer.planRepair(7, asked as [string, null][]))
  assert.deepEqual(changes.map(({ path, kind }) => [path, kind]).sort(), [
    ['a', 'file'],
    ['a/below', 'absent'],
    ['missing', 'absent'],
  ])
  assert.deepEqual(
    hinted.map(({ path }) => path),
    ['gone', 'new/directory'],
  )
})

test('content that the receiver says it has, and rightly, does not travel', async () => {
  using tree = treeWith({ a: 'content a', b: 'content b' })
  const { packer } = setUp(tree)
  tree.scanAll()
  await packAll(packer, await packer.planChangeset({ from: 0 }))
  const held = digestOf(Buffer.from('content a'))
  const plan = await packer.planRepair(7, [
    ['a', held],
    ['b', held],
  ])
  const { changes, contents } = await packAll(packer, plan)
  assert.deepEqual([...contents.keys()], ['b'])
  const kept = byPath(changes, 'a')
  assert.ok(kept?.kind === 'file' && kept.source === 'keep' && kept.digest === held)
})

test('a changeset is cut at its limits, and the next one continues from there', async () => {
  using tree = treeWith({ a: 'x' })
  tree.scanAll()
  const observation = tree.index.get('a')
  assert.ok(observation)
  const first = tree.index.head
  tree.index.record(
    Array.from({ length: 10_500 }, (_, number) => ({
      path: `n${number}`,
      observation: { ...observation, kind: 'symlink', target: 'a' } as const,
      digest: null,
      sameBytes: false,
    })),
  )
  const { packer } = setUp(tree)
  const plan = await packer.planChangeset({ from: first })
  assert.deepEqual([plan.changes, plan.to, plan.head], [10_000, first + 10_000, first + 10_500])
  const rest = await packer.planChangeset({ from: plan.to })
  assert.deepEqual([rest.changes, rest.to], [500, first + 10_500])
})

/** A turn that is over after each file. */
class OneFile extends Turn {
  meanwhile: () => void = () => undefined
  override get isOver(): boolean {
    return true
  }
  override async next(): Promise<void> {
    await super.next()
    this.meanwhile()
  }
}

test('between two turns the tree may change: what is packed after it is what is there then', async () => {
  using tree = treeWith({ 'd/1': 'one', 'd/2': 'two', 'd/3': 'three' })
  const turn = new OneFile(tree.directories)
  const { packer, deferred } = setUp(tree, turn)
  tree.scanAll()
  const plan = await packer.planChangeset({ from: 0 })
  let turns = 0
  turn.meanwhile = () => {
    turns += 1
    if (turns < 3) return
    // In its new place its content was not asked for.
    turn.meanwhile = () => undefined
    renameSync(join(tree.root, 'd'), join(tree.root, 'moved'))
  }
  const { contents } = await packAll(packer, plan)
  assert.ok(turns >= 3)
  assert.ok(contents.size < 3)
  assert.deepEqual(deferred.at(-1), ['d/3', 'vanished'])
})

test('a root that is closed ends what is being packed', async () => {
  using tree = treeWith({ a: 'a' })
  const turn = new OneFile(tree.directories)
  const { packer } = setUp(tree, turn)
  tree.scanAll()
  const plan = await packer.planChangeset({ from: 0 })
  turn.close()
  writeFileSync(join(tree.root, 'large'), Buffer.alloc(2 * SLICE_BYTES))
  tree.scanAll()
  await assert.rejects(
    packer.planChangeset({ from: plan.to }).then((next) => packAll(packer, next)),
    Refusal,
  )
})

test('a file that could not be packed, and was looked at again before the segment ended, comes with that look', async () => {
  using tree = treeWith({ a: 'a', b: 'b', c: 'c' })
  const turn = new OneFile(tree.directories)
  const { packer, deferred } = setUp(tree, turn)
  tree.scanAll()
  const plan = await packer.planChangeset({ from: 0 })
  rmSync(join(tree.root, 'a'))
  turn.meanwhile = () => {
    if (deferred.length === 0) return
    turn.meanwhile = () => undefined
    writeFileSync(join(tree.root, 'a'), 'made anew')
    tree.scan('a')
  }
  const { contents } = await packAll(packer, plan)
  assert.deepEqual([...contents.keys()].sort(), ['b', 'c'])
  const { contents: next } = await packAll(packer, await packer.planChangeset({ from: plan.to }))
  assert.equal(next.get('a')?.toString(), 'made anew')
})

test('a file that takes long to send is a changeset of its own, unless it may have moved', async () => {
  using tree = treeWith({ held: 'held' })
  const { packer } = setUp(tree)
  tree.scanAll()
  const base = tree.index.head
  writeFileSync(join(tree.root, 'before'), 'small')
  tree.scanAll()
  writeFileSync(join(tree.root, 'large'), '')
  truncateSync(join(tree.root, 'large'), BOUNDS.ownChangesetBytes)
  tree.scanAll()
  writeFileSync(join(tree.root, 'later'), 'small')
  tree.scanAll()
  const parts: string[][] = []
  for (let from = base; from < tree.index.head; ) {
    const plan = await packer.planChangeset({ from })
    assert.equal(plan.mayBeOvertaken, plan.segments.length > 1)
    parts.push(tree.index.changesAfter(from, 100, plan.to).map(({ path }) => path))
    from = plan.to
  }
  assert.deepEqual(parts, [['before'], ['large'], ['.', 'later']])
  const large = tree.index.get('large')?.sequence ?? 0
  rmSync(join(tree.root, 'held'))
  tree.scanAll()
  assert.ok((await packer.planChangeset({ from: large - 1 })).mayBeOvertaken)
  // Receivers that hold the large file are told where it is now, in the changeset that removes the old name.
  const moved = tree.index.head
  renameSync(join(tree.root, 'large'), join(tree.root, 'moved'))
  writeFileSync(join(tree.root, 'last'), 'small')
  tree.scanAll()
  const all = await packer.planChangeset({ from: moved, whole: moved })
  assert.deepEqual([all.to, all.mayBeOvertaken], [tree.index.head, false])
})

test('what was saved later goes ahead of a large file as it is; what is another by then waits', async () => {
  using tree = treeWith({ a: 'old a', b: 'old b' })
  const { packer } = setUp(tree)
  tree.scanAll()
  const base = tree.index.head
  writeFileSync(join(tree.root, 'large'), '')
  truncateSync(join(tree.root, 'large'), SLICE_BYTES + 1)
  tree.scanAll()
  const plan = await packer.planChangeset({ from: base })
  assert.ok(plan.mayBeOvertaken)
  assert.equal((await packer.overtake(plan.id, plan.to, tree.index.head, false))?.header, null)
  writeFileSync(join(tree.root, 'a'), 'new content of a')
  writeFileSync(join(tree.root, 'b'), 'new content of b')
  tree.scanAll()
  writeFileSync(join(tree.root, 'b'), 'a newer one, which no scan has seen')
  const ahead = await packer.overtake(plan.id, plan.to, tree.index.head, false)
  const message = decodeToReceiver(ahead?.header ?? '')
  assert.ok(message.type === 'overtake')
  assert.deepEqual(
    message.changes.map(({ path }) => path),
    ['a'],
  )
  assert.equal(message.to, tree.index.head)
  assert.equal(ahead?.payload.byteLength, message.bytes)
  assert.equal((await packer.overtake(plan.id, message.to, tree.index.head, false))?.header, null)
  packer.release(plan.id)
  assert.equal(await packer.overtake(plan.id, plan.to, tree.index.head, false), null)
})
