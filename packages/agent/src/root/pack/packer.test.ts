/** The packer on a real tree: what it sends, what it refers to, and what it leaves out when files do not hold still. */

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
import { zstdDecompressSync } from 'node:zlib'
import { Accounts, Refusal } from '@rootferry/host/machine'
import { type Change, decodeToReceiver, digestOf, LIMITS, type Segment } from '@rootferry/protocol'
import { extract } from 'tar-stream'
import { TestTree, temporaryRoot } from '../../../test-support/test-tree.ts'
import type { PackedSegment, PlanSummary } from '../../root-messages.ts'
import type { Observation } from '../index/indexed-entry.ts'
import { Turn } from '../turn.ts'
import { SLICE_BYTES } from './changeset-plan.ts'
import { Packer } from './packer.ts'

interface Setup {
  tree: TestTree
  packer: Packer
  doubted: string[]
  deferred: [string, string | null][]
}

function setUp(tree: TestTree, turn = new Turn(tree.directories)): Setup {
  const doubted: string[] = []
  const deferred: [string, string | null][] = []
  const packer = new Packer({
    directories: tree.directories,
    index: tree.index,
    accounts: new Accounts(),
    nowMs: tree.nowMs,
    turn,
    scans: { doubt: (path) => doubted.push(path), retry: (path, fault) => deferred.push([path, fault]) },
  })
  return { tree, packer, doubted, deferred }
}

function treeWith(files: Record<string, string | Buffer>): TestTree {
  const root = temporaryRoot()
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  return new TestTree(root)
}

/** Everything a plan leads to: the changes, and the content by path. */
async function packAll(packer: Packer, plan: PlanSummary, compress = false) {
  const changes: Change[] = []
  const contents = new Map<string, Buffer>()
  const segments: Segment[] = []
  for (const position of plan.segments.keys()) {
    const segment = await packer.pack(plan.id, position, compress)
    const header = decodeHeader(segment)
    segments.push(header)
    changes.push(...header.changes)
    for (const [name, content] of await entriesOf(segment, header)) {
      const path = header.slice?.path ?? header.changes[Number(name)]?.path ?? ''
      contents.set(path, Buffer.concat([contents.get(path) ?? Buffer.alloc(0), content]))
    }
  }
  return { changes, contents, segments }
}

function decodeHeader({ header }: PackedSegment): Segment {
  const message = decodeToReceiver(header)
  assert.equal(message.type, 'segment')
  return message
}

async function entriesOf({ payload }: PackedSegment, header: Segment): Promise<[string, Buffer][]> {
  assert.equal(payload.byteLength, header.bytes)
  const archive = header.encoding === 'zstd' ? zstdDecompressSync(payload) : payload
  assert.equal(archive.byteLength, header.tarBytes)
  const found: [string, Buffer][] = []
  const reader = extract()
  reader.end(Buffer.from(archive))
  for await (const entry of reader) {
    const pieces: Buffer[] = []
    for await (const piece of entry) pieces.push(piece as Buffer)
    found.push([entry.header.name, Buffer.concat(pieces)])
  }
  return found
}

const byPath = (changes: Change[], path: string) => changes.find((change) => change.path === path)

test('a first changeset carries every file with its digest, empty ones too, and teaches the index', async () => {
  using tree = treeWith({ 'a/one': 'first', two: '', three: 'x'.repeat(5_000) })
  symlinkSync('a/one', join(tree.root, 'link'))
  const { packer } = setUp(tree)
  tree.scanAll()
  const plan = await packer.planChangeset(0)
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
  const plan = await packer.planChangeset(0)
  const first = await packer.pack(plan.id, 0, false)
  const second = await packer.pack(plan.id, 0, false)
  assert.equal(first.header, second.header)
  assert.equal(Buffer.compare(first.payload, second.payload), 0)
})

test('chmod travels without content, a renamed directory as references', async () => {
  using tree = treeWith({ 'a/x': 'content x', 'a/y': 'content y', z: 'content z' })
  const { packer } = setUp(tree)
  tree.scanAll()
  await packAll(packer, await packer.planChangeset(0))
  packer.flushLearnt()
  const from = tree.index.head
  chmodSync(join(tree.root, 'z'), 0o600)
  renameSync(join(tree.root, 'a'), join(tree.root, 'b'))
  tree.scan('z', 'a', 'b')
  const { changes, contents, segments } = await packAll(packer, await packer.planChangeset(from))
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
  await packAll(packer, await packer.planChangeset(0))
  packer.flushLearnt()
  const from = tree.index.head
  writeFileSync(join(tree.root, 'copy'), 'the same bytes')
  renameSync(join(tree.root, 'm'), join(tree.root, 'n'))
  tree.scan('copy', 'm', 'n')
  const { changes, contents } = await packAll(packer, await packer.planChangeset(from))
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
  const { contents } = await packAll(packer, await packer.planChangeset(0))
  assert.deepEqual([...contents.keys()].sort(), ['a', 'copy'])
})

test('a file that grew since it was scanned is deferred, hinted at, and leaves the changeset', async () => {
  using tree = treeWith({ a: 'short', b: 'stays' })
  const { packer, deferred } = setUp(tree)
  tree.scanAll()
  const plan = await packer.planChangeset(0)
  appendFileSync(join(tree.root, 'a'), Buffer.alloc(100_000))
  const { changes } = await packAll(packer, plan)
  assert.equal(byPath(changes, 'a'), undefined)
  assert.ok(byPath(changes, 'b'))
  assert.deepEqual(deferred, [['a', 'outgrown']])
  assert.deepEqual(tree.scan('a'), ['a'])
  const { contents } = await packAll(packer, await packer.planChangeset(plan.to))
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
    const plan = await packer.planChangeset(0)
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
    const plan = await packer.planChangeset(0)
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
  const { changes, contents, segments } = await packAll(packer, await packer.planChangeset(0))
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
  const { changes } = await packAll(packer, await packer.planChangeset(0))
  assert.equal(byPath(changes, 'big'), undefined)
  assert.ok(deferred.every(([path]) => path === 'big'))
  tree.scan('big')
  const { changes: next } = await packAll(packer, await packer.planChangeset(0))
  assert.ok(byPath(next, 'big'))
})

test('a receiver that has the first slices gets the digest of the whole all the same', async () => {
  const content = Buffer.alloc(SLICE_BYTES * 2 + 5, 'abc')
  using tree = treeWith({ big: content })
  const { packer } = setUp(tree)
  tree.scanAll()
  const plan = await packer.planChangeset(0)
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
  // Once as content that is sent, once as what another path may hold already.
  for (const from of [0, 1]) {
    const plan = await packer.planChangeset(from)
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
  const plan = await packer.planChangeset(0)
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
  const { segments, contents } = await packAll(packer, await packer.planChangeset(0), true)
  assert.ok(segments.some(({ encoding, bytes, tarBytes }) => encoding === 'zstd' && bytes < tarBytes / 5))
  assert.equal(contents.get('text')?.toString(), 'compress me '.repeat(20_000))
})

test('a slice that shrinks says how long its archive is', async () => {
  using tree = treeWith({ big: Buffer.alloc(SLICE_BYTES + 1, 'slice by slice ') })
  const { packer } = setUp(tree)
  tree.scanAll()
  const { segments } = await packAll(packer, await packer.planChangeset(0), true)
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
  const { segments } = await packAll(packer, await packer.planChangeset(0), true)
  assert.ok(segments.every(({ encoding }) => encoding === 'tar'))
})

test('a want is answered with the present state and its content, whatever the receiver had', async () => {
  using tree = treeWith({ a: 'content a' })
  const { packer } = setUp(tree)
  tree.scanAll()
  await packAll(packer, await packer.planChangeset(0))
  const plan = await packer.planRepair(7, [
    ['a', null],
    ['missing', null],
  ])
  assert.deepEqual([plan.request, plan.from === plan.to], [7, true])
  const { changes, contents } = await packAll(packer, plan)
  assert.equal(contents.get('a')?.toString(), 'content a')
  assert.equal(byPath(changes, 'missing')?.kind, 'absent')
})

test('content that the receiver says it has, and rightly, does not travel', async () => {
  using tree = treeWith({ a: 'content a', b: 'content b' })
  const { packer } = setUp(tree)
  tree.scanAll()
  await packAll(packer, await packer.planChangeset(0))
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
  const plan = await packer.planChangeset(first)
  assert.deepEqual([plan.changes, plan.to, plan.head], [10_000, first + 10_000, first + 10_500])
  const rest = await packer.planChangeset(plan.to)
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
  const plan = await packer.planChangeset(0)
  let turns = 0
  turn.meanwhile = () => {
    turns += 1
    if (turns < 3) return
    // In its new place nobody asked for what is in it.
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
  const turn = new Turn(tree.directories)
  const { packer } = setUp(tree, turn)
  tree.scanAll()
  const plan = await packer.planChangeset(0)
  turn.close()
  writeFileSync(join(tree.root, 'large'), Buffer.alloc(2 * SLICE_BYTES))
  tree.scanAll()
  await assert.rejects(
    packer.planChangeset(plan.to).then((next) => packAll(packer, next)),
    Refusal,
  )
})

test('a file that could not be packed, and was looked at again before the segment ended, comes with that look', async () => {
  using tree = treeWith({ a: 'a', b: 'b', c: 'c' })
  const turn = new OneFile(tree.directories)
  const { packer, deferred } = setUp(tree, turn)
  tree.scanAll()
  const plan = await packer.planChangeset(0)
  rmSync(join(tree.root, 'a'))
  turn.meanwhile = () => {
    if (deferred.length === 0) return
    turn.meanwhile = () => undefined
    writeFileSync(join(tree.root, 'a'), 'made anew')
    tree.scan('a')
  }
  const { contents } = await packAll(packer, plan)
  assert.deepEqual([...contents.keys()].sort(), ['b', 'c'])
  const { contents: next } = await packAll(packer, await packer.planChangeset(plan.to))
  assert.equal(next.get('a')?.toString(), 'made anew')
})

/** Two receivers are at the same changeset: one got it while the file was there, the other asks for it later. */
for (const scanned of ['before', 'after'] as const) {
  test(`a copy is not named where a receiver never got the file: its name went ${scanned} the segment was packed`, async () => {
    using tree = treeWith({ old: 'what both have', other: 'x' })
    const { packer } = setUp(tree)
    tree.scanAll()
    const first = await packer.planChangeset(0)
    await packAll(packer, first)
    writeFileSync(join(tree.root, 'old'), 'what only one gets')
    tree.scan('old')
    const plan = await packer.planChangeset(first.to)
    const { contents: got } = await packAll(packer, plan)
    assert.equal(got.get('old')?.toString(), 'what only one gets')
    packer.flushLearnt()
    renameSync(join(tree.root, 'old'), join(tree.root, 'new'))
    if (scanned === 'before') tree.scan('old', 'new')
    const { changes: missed } = await packAll(packer, plan)
    assert.equal(byPath(missed, 'old'), undefined)
    if (scanned === 'after') tree.scan('old', 'new')
    const { changes, contents } = await packAll(packer, await packer.planChangeset(plan.to))
    const named = byPath(changes, 'new')
    assert.ok(named?.kind === 'file')
    assert.equal(named.source, 'tar')
    assert.equal(contents.get('new')?.toString(), 'what only one gets')
    assert.equal(byPath(changes, 'old')?.kind, 'absent')
  })
}

test('a copy is not named at a path that was gone before a receiver in the middle of a replay came to it', async () => {
  using tree = treeWith({ a: 'content that moves' })
  const { packer } = setUp(tree)
  tree.scanAll()
  await packAll(packer, await packer.planChangeset(0))
  packer.flushLearnt()
  const link = { ...tree.index.get('a'), kind: 'symlink', target: 'x', size: 0 } as Observation
  tree.index.record(
    Array.from({ length: LIMITS.changesetChanges + 10 }, (_, number) => ({
      path: `n${number}`,
      observation: link,
      digest: null,
      sameBytes: false,
    })),
  )
  renameSync(join(tree.root, 'a'), join(tree.root, 'b'))
  tree.scan('a', 'b')
  // A receiver that begins now is told nothing of `a` in the first part.
  const part = await packer.planChangeset(0)
  assert.ok(part.to < part.head)
  const { changes: begun } = await packAll(packer, part)
  assert.equal(byPath(begun, 'a'), undefined)
  const { changes, contents } = await packAll(packer, await packer.planChangeset(part.to))
  const named = byPath(changes, 'b')
  assert.ok(named?.kind === 'file' && named.source === 'tar')
  assert.equal(contents.get('b')?.toString(), 'content that moves')
})

test('content that was sent in the place of a row is no proof of the row: nothing is a copy of it', async () => {
  using tree = treeWith({ a: 'the first bytes', z: 'z' })
  const { packer } = setUp(tree)
  tree.scanAll()
  const plan = await packer.planChangeset(0)
  await packAll(packer, plan)
  packer.flushLearnt()
  writeFileSync(join(tree.root, 'a'), 'some other bytes')
  // Whoever gets it now gets the other bytes; then the first ones are back.
  const { contents: got } = await packAll(packer, plan)
  assert.equal(got.get('a')?.toString(), 'some other bytes')
  writeFileSync(join(tree.root, 'a'), 'the first bytes')
  writeFileSync(join(tree.root, 'twin'), 'the first bytes')
  tree.scan('a', 'twin')
  const { contents } = await packAll(packer, await packer.planChangeset(plan.to))
  assert.deepEqual([...contents.keys()].sort(), ['a', 'twin'])
})

test('every segment message fits, whatever the targets of its symlinks and the paths of its copies', async () => {
  using tree = treeWith({ a: 'x' })
  tree.scanAll()
  const first = tree.index.head
  const target = '"'.repeat(LIMITS.targetBytes)
  const link = { ...tree.index.get('a'), kind: 'symlink', target, size: 0 } as Observation
  tree.index.record(
    Array.from({ length: 1_300 }, (_, number) => ({
      path: `l${number}`,
      observation: link,
      digest: null,
      sameBytes: false,
    })),
  )
  const { packer } = setUp(tree)
  const { changes } = await packAll(packer, await packer.planChangeset(first))
  assert.equal(changes.length, 1_300)
})
