/** Large files that are sent as deltas: real plans and segments of files on a real disk. */

import assert from 'node:assert/strict'
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Accounts, PLAIN_READS, Refusal } from '@rootferry/host/machine'
import { decodeToReceiver, digestOf, PathFilter, type Segment } from '@rootferry/protocol'
import { seededBytes } from '../../../test-support/test-bytes.ts'
import { TestTree, temporaryRoot } from '../../../test-support/test-tree.ts'
import { BOUNDS } from '../../bounds.ts'
import type { PlanSummary } from '../../root-messages.ts'
import { Turn } from '../turn.ts'
import { SLICE_BYTES } from './changeset-plan.ts'
import { Packer } from './packer.ts'

const MEGABYTE = 1024 * 1024
const SMALL = 3 * MEGABYTE
const LARGE = 20 * MEGABYTE

class Bench implements Disposable {
  readonly tree: TestTree
  readonly packer: Packer
  readonly deferred: string[] = []
  readonly #held = new Map<string, Buffer>()

  constructor(files: Record<string, Buffer>, nowMs = () => performance.now()) {
    const root = temporaryRoot()
    for (const [path, content] of Object.entries(files)) writeFileSync(join(root, path), content)
    this.tree = new TestTree(root)
    this.packer = new Packer({
      directories: this.tree.directories,
      reads: PLAIN_READS,
      index: this.tree.index,
      filter: new PathFilter([]),
      accounts: new Accounts(),
      nowMs: this.tree.nowMs,
      turn: new Turn(this.tree.directories, nowMs),
      scans: { doubt: () => undefined, hint: () => undefined, retry: (path) => this.deferred.push(path) },
    })
    this.tree.scanAll()
  }

  at(path: string): string {
    return join(this.tree.root, path)
  }

  /** The file has grown since a receiver has got it. @returns where that stands */
  async grown(): Promise<number> {
    await this.take(0)
    const from = this.tree.index.head
    appendFileSync(this.at('big'), seededBytes(2, SLICE_BYTES + 1))
    this.tree.scan('big')
    return from
  }

  /** Another file takes the place of the file. */
  saved(content: Buffer): void {
    writeFileSync(this.at('saving'), content)
    renameSync(this.at('saving'), this.at('big'))
    this.tree.scan('big')
  }

  /**
   * Feeds a receiver that stands at `from` with the changes that are due. @returns bytes of the archives, and the
   * segments
   */
  async take(from: number, held = this.#held): Promise<{ bytes: number; segments: Segment[] }> {
    return this.takePlan(await this.packer.planChangeset({ from }), held)
  }

  async takePlan(plan: PlanSummary, held = this.#held): Promise<{ bytes: number; segments: Segment[] }> {
    const segments: Segment[] = []
    const made = new Map<string, Buffer[]>()
    for (const position of plan.segments.keys()) {
      const { header, payload } = await this.packer.pack(plan.id, position, false)
      const segment = decodeToReceiver(header)
      assert.ok(segment.type === 'segment')
      segments.push(segment)
      for (const [path, bytes] of contentsOf(segment, Buffer.from(payload), held)) {
        made.set(path, [...(made.get(path) ?? []), bytes])
      }
    }
    for (const change of segments.flatMap(({ changes }) => changes)) {
      const content = Buffer.concat(made.get(change.path) ?? [])
      if (change.kind === 'file' && change.source !== 'keep' && typeof change.source === 'string') {
        assert.equal(digestOf(content), change.digest, change.path)
        held.set(change.path, content)
      }
    }
    return { bytes: segments.reduce((sum, { bytes }) => sum + bytes, 0), segments }
  }

  [Symbol.dispose](): void {
    this.tree[Symbol.dispose]()
  }
}

/** The content that a receiver with `held` makes from a segment, part by part. */
function contentsOf({ changes, slice }: Segment, archive: Buffer, held: Map<string, Buffer>): [string, Buffer][] {
  let at = 512
  if (slice === null) {
    return changes.flatMap((change): [string, Buffer][] => {
      if (change.kind !== 'file' || change.source !== 'tar') return []
      const start = at
      at += 512 + 512 * Math.ceil(change.size / 512)
      return [[change.path, archive.subarray(start, start + change.size)]]
    })
  }
  if (slice.delta === null) return [[slice.path, archive.subarray(at, at + slice.length)]]
  const base = held.get(slice.path) ?? Buffer.alloc(0)
  assert.equal(base.length, slice.delta.base)
  return slice.delta.steps.map(([from, length]): [string, Buffer] => {
    if (from !== null) return [slice.path, base.subarray(from, from + length)]
    at += length
    return [slice.path, archive.subarray(at - length, at)]
  })
}

const isTold = (segments: readonly Segment[]) => segments.some(({ slice }) => (slice?.delta ?? null) !== null)

for (const size of [SMALL, LARGE]) {
  test(`of ${size / MEGABYTE} MiB of which a receiver has most, only the rest is sent`, async () => {
    const before = seededBytes(1, size)
    using bench = new Bench({ big: before })
    assert.ok((await bench.take(0)).bytes >= size)
    const versions = {
      changed: Buffer.concat([before.subarray(0, 1_000_000), seededBytes(2, 1_000), before.subarray(1_001_000)]),
      inserted: Buffer.concat([seededBytes(3, 1_000), before]),
      appended: Buffer.concat([before, seededBytes(4, 1_000)]),
      'cut off': before.subarray(0, size - MEGABYTE),
      back: before,
    }
    for (const [edit, version] of Object.entries(versions)) {
      const from = bench.tree.index.head
      writeFileSync(bench.at('big'), version)
      bench.tree.scan('big')
      const { bytes, segments } = await bench.take(from)
      assert.ok(isTold(segments), edit)
      assert.ok(bytes < MEGABYTE + (edit === 'back' ? MEGABYTE : 0), `${edit}: ${bytes} bytes`)
    }
    assert.deepEqual(bench.deferred, [])
  })
}

test('a receiver that stands further back gets what differs from what it has, one that was never there everything', async () => {
  using bench = new Bench({ big: seededBytes(1, SMALL) })
  const lagging = new Map<string, Buffer>()
  await bench.take(0)
  await bench.take(0, lagging)
  const [first] = [bench.tree.index.head]
  for (const edit of [1, 2, 3]) {
    const from = bench.tree.index.head
    appendFileSync(bench.at('big'), seededBytes(edit + 10, 100_000))
    bench.tree.scan('big')
    assert.ok((await bench.take(from)).bytes < 110_000)
  }
  const { bytes } = await bench.take(first, lagging)
  assert.ok(bytes > 300_000 && bytes < 310_000, `${bytes}`)
  assert.ok((await bench.take(0, new Map())).bytes > SMALL)
})

test('what was learnt outlives a packer, and more versions than are kept make a file go whole', async () => {
  using bench = new Bench({ big: seededBytes(1, SMALL) })
  await bench.take(0)
  bench.packer.flushLearnt()
  const first = bench.tree.index.head
  for (const edit of [1, 2, 3, 4]) {
    const from = bench.tree.index.head
    appendFileSync(bench.at('big'), seededBytes(edit + 10, 10_000))
    bench.tree.scan('big')
    assert.ok(isTold((await bench.take(from)).segments))
    bench.packer.flushLearnt()
  }
  assert.ok(!isTold((await bench.take(first, new Map())).segments))
})

test('where little matches the file is sent as ever, to the byte', async () => {
  for (const size of [SMALL, LARGE]) {
    using bench = new Bench({ big: seededBytes(1, size) })
    const whole = (await bench.take(0)).bytes
    const from = bench.tree.index.head
    writeFileSync(bench.at('big'), Buffer.concat([seededBytes(2, size - 300_000), seededBytes(1, 300_000)]))
    bench.tree.scan('big')
    const { bytes, segments } = await bench.take(from)
    assert.ok(!isTold(segments))
    // Slices that small changes may overtake are small, and each has a header and an end.
    assert.ok(bytes - whole <= 2_048 * segments.length)
  }
})

test('a want is answered with the whole file, and a path that was something else in between has no base', async () => {
  using bench = new Bench({ big: seededBytes(1, SMALL) })
  await bench.take(0)
  const first = bench.tree.index.head
  appendFileSync(bench.at('big'), 'more')
  bench.tree.scan('big')
  const { segments } = await bench.takePlan(await bench.packer.planRepair(1, [['big', null]]), new Map())
  assert.ok(!isTold(segments))
  for (const isDirectory of [false, true]) {
    rmSync(bench.at('big'))
    if (isDirectory) mkdirSync(bench.at('big'))
    bench.tree.scan('big')
    rmSync(bench.at('big'), { recursive: true, force: true })
    writeFileSync(bench.at('big'), seededBytes(1, SMALL))
    bench.tree.scan('big')
    assert.ok(!isTold((await bench.take(first, new Map())).segments))
  }
})

test('a version that comes back is referred to where another path has it, and not told', async () => {
  using bench = new Bench({ big: seededBytes(1, SMALL), copy: seededBytes(2, SMALL) })
  await bench.take(0)
  const from = bench.tree.index.head
  writeFileSync(bench.at('big'), seededBytes(2, SMALL))
  bench.tree.scan('big')
  const { bytes, segments } = await bench.take(from)
  const change = segments.flatMap(({ changes }) => changes).find(({ path }) => path === 'big')
  assert.deepEqual(change?.kind === 'file' ? change.source : null, { copy: 'copy' })
  assert.equal(bytes, 0)
})

test('a file that changes between the comparison and the sending is deferred', async () => {
  using bench = new Bench({ big: seededBytes(1, LARGE) })
  const from = await bench.grown()
  const plan = await bench.packer.planChangeset({ from })
  truncateSync(bench.at('big'), SMALL)
  const { segments } = await bench.takePlan(plan)
  assert.deepEqual(
    segments.flatMap(({ changes }) => changes.map(({ path }) => path)).filter((path) => path === 'big'),
    [],
  )
  assert.deepEqual(bench.deferred, ['big'])
  bench.saved(readFileSync(bench.at('big')))
  assert.ok(isTold((await bench.take(plan.to)).segments))
})

test('of a version that one receiver has got, and that was deferred when another was to get it, nothing is told', async () => {
  using bench = new Bench({ big: seededBytes(1, LARGE) })
  const from = await bench.grown()
  const late = await bench.packer.planChangeset({ from })
  await bench.take(from)
  const content = readFileSync(bench.at('big'))
  truncateSync(bench.at('big'), SMALL)
  await bench.takePlan(late)
  assert.deepEqual(bench.deferred, ['big'])
  bench.saved(content)
  assert.ok(!isTold((await bench.take(late.to)).segments))
})

test('what differs from a version is told to receivers that had it, not to those that came past it when it was gone', async () => {
  const before = seededBytes(1, LARGE)
  using bench = new Bench({ big: before })
  const { packer, tree } = bench
  await bench.take(0)
  const first = tree.index.head
  writeFileSync(bench.at('small'), 'small')
  tree.scan('small')
  const from = tree.index.head
  appendFileSync(bench.at('big'), seededBytes(2, 1))
  tree.scan('big')
  const isToldTo = async (whole: number) => {
    const plan = await packer.planChangeset({ from, whole })
    return isTold((await bench.takePlan(plan, new Map([['big', before]]))).segments)
  }
  assert.ok(await isToldTo(0), 'nobody came past it')
  const part = await packer.planChangeset({ from: first - 1, limit: from })
  assert.deepEqual([part.isWhole, part.to], [false, from])
  assert.deepEqual([await isToldTo(0), await isToldTo(from)], [false, true])
})

/** So large that it has a changeset of its own, and cheap to make and to read. */
function hugeBytes(first: number): Buffer {
  const bytes = Buffer.alloc(BOUNDS.ownChangesetBytes)
  bytes.fill(seededBytes(first, MEGABYTE), 0, MEGABYTE)
  return bytes
}

/** Of the changes that go ahead of the plan. */
async function pathsAhead({ packer, tree }: Bench, plan: PlanSummary): Promise<string[]> {
  const ahead = await packer.overtake(plan.id, plan.to, tree.index.head, false)
  const message = ahead?.header == null ? null : decodeToReceiver(ahead.header)
  return message?.type === 'overtake' ? message.changes.map(({ path }) => path) : []
}

/** For a receiver that had everything before this was done, and a small file was saved. */
async function planAfter(bench: Bench, path: string, act: () => void): Promise<PlanSummary> {
  const { packer, tree } = bench
  await bench.take(0)
  const from = tree.index.head
  packer.flushLearnt()
  act()
  tree.scan(path)
  writeFileSync(bench.at('small'), 'small')
  tree.scan('small')
  return packer.planChangeset({ from, whole: from })
}

test('small changes go ahead while a large file is read to find out what of it must be sent', async () => {
  using bench = new Bench({ big: hugeBytes(1) })
  const { packer } = bench
  const plan = await planAfter(bench, 'big', () => appendFileSync(bench.at('big'), 'more'))
  assert.deepEqual([plan.isLaidOut, plan.segments.length, plan.changes], [false, 0, 1])
  assert.deepEqual(await pathsAhead(bench, plan), ['small', '.'])
  const laidOut = await packer.layOut(plan.id)
  assert.deepEqual([laidOut.id, laidOut.isLaidOut, laidOut.to], [plan.id, true, plan.to])
  assert.deepEqual(await packer.layOut(plan.id), laidOut)
  const { bytes, segments } = await bench.takePlan(laidOut)
  assert.ok(isTold(segments) && bytes < MEGABYTE, `${bytes} bytes`)
  packer.release(plan.id)
  await assert.rejects(packer.layOut(plan.id), Refusal)
})

test('small changes go ahead while a large file is read that may be a copy of another one', async () => {
  using bench = new Bench({ big: hugeBytes(1) })
  const plan = await planAfter(bench, 'copy', () => copyFileSync(bench.at('big'), bench.at('copy')))
  assert.equal(plan.isLaidOut, false)
  assert.deepEqual(await pathsAhead(bench, plan), ['small', '.'])
  const laidOut = await bench.packer.layOut(plan.id)
  assert.equal(laidOut.mayBeOvertaken, false)
  const { segments } = await bench.takePlan(laidOut)
  const changes = segments.flatMap(({ changes }) => changes)
  assert.deepEqual(
    changes.map((change) => change.kind === 'file' && change.source),
    [{ copy: 'big' }],
  )
})

test('what a large file is a copy of does not go ahead replaced while another one is read', async () => {
  // Every turn is over at once.
  let now = 0
  using bench = new Bench({ big: hugeBytes(1) }, () => (now += BOUNDS.turnMs))
  const { packer, tree } = bench
  const from = tree.index.head
  const content = tree.index.get('big')?.content ?? 0
  tree.index.learnDigests([{ path: 'big', content, digest: digestOf(hugeBytes(1)) }])
  for (const copy of ['copy1', 'copy2']) {
    copyFileSync(bench.at('big'), bench.at(copy))
    tree.scan(copy)
  }
  const plan = await packer.planChangeset({ from })
  assert.deepEqual([plan.isLaidOut, plan.changes], [false, 2])
  const isKnown = (path: string) => tree.index.get(path)?.digest != null
  const laidOut = packer.layOut(plan.id)
  while (!isKnown('copy1')) await nextTurn()
  assert.equal(isKnown('copy2'), false)
  for (const path of ['small', 'big']) {
    writeFileSync(bench.at(path), 'small')
    tree.scan(path)
  }
  assert.ok(!(await pathsAhead(bench, plan)).includes('big'))
  await laidOut
  const { header } = await packer.pack(plan.id, 0, false)
  const first = decodeToReceiver(header)
  assert.ok(first.type === 'segment')
  assert.deepEqual(
    first.changes.map((change) => change.kind === 'file' && [change.path, change.source]),
    [['copy1', { copy: 'big' }]],
  )
})

test('a thread that packs one segment after the other does what else has come in between', async () => {
  // Every turn is over at once.
  let now = 0
  using bench = new Bench({ small: Buffer.from('small') }, () => (now += BOUNDS.turnMs))
  const plan = await bench.packer.planRepair(1, [['small', null]])
  let others = 0
  const other = () => {
    others += 1
    next = setImmediate(other)
  }
  let next = setImmediate(other)
  const packs = 5
  for (let pack = 0; pack < packs; pack += 1) await bench.packer.pack(plan.id, 0, false)
  clearImmediate(next)
  assert.ok(others >= packs, `${others}`)
})
