/** The order of symlinks over a real tree: a release is recorded whole, then the symlink to it, then what is removed. */
import assert from 'node:assert/strict'
import { renameSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Bench, hintsAt, numbered } from '../../../test-support/scan-bench.ts'
import { BOUNDS } from '../../bounds.ts'
import { WHOLE_TREE } from './scan-queue.ts'

/** Points `current` elsewhere in one step. */
function swap({ root }: Bench, target: string): void {
  symlinkSync(target, join(root, 'next'))
  renameSync(join(root, 'next'), join(root, 'current'))
}

/** So much that the guard looks again when it is gone. */
const CACHED = ['cache/1', 'cache/2', 'cache/3', 'cache/4']

/** `current` leads to a release, and the next one is built beside it. */
async function benchWithBuild(): Promise<Bench> {
  const bench = new Bench([...numbered(50), 'releases/1/f', 'build/f', ...CACHED])
  symlinkSync('releases/1', join(bench.root, 'current'))
  await bench.queue.scan([WHOLE_TREE])
  return bench
}

/** Whenever the index has a new head, what `current` leads to has all of these files. */
function alwaysWhole(bench: Bench, ...names: string[]): string[] {
  const broken: string[] = []
  bench.whenAdvanced = () => {
    const target = bench.index.get('current')?.target ?? 'nothing'
    for (const name of names) if (bench.index.get(`${target}/${name}`) === null) broken.push(`${target}/${name}`)
  }
  return broken
}

test('a symlink that points elsewhere does not overtake the scan of what it points to; a save beside it does', async () => {
  await using bench = new Bench([...numbered(4_000), 'releases/1/f'])
  const { queue, index, root } = bench
  symlinkSync('releases/1', join(root, 'current'))
  await queue.scan([WHOLE_TREE])
  const release = Array.from({ length: 1_500 }, (_, number) => `releases/2/d${number}/f`)
  for (const path of release) bench.write(path)
  const states = new Set<string>()
  let isSwapped = false
  bench.whenAdvanced = () => {
    states.add(`${index.get('saved') !== null} ${index.get('current')?.target}`)
    if (isSwapped) return
    isSwapped = true
    symlinkSync('releases/2', join(root, 'next'))
    renameSync(join(root, 'next'), join(root, 'current'))
    bench.write('saved')
    for (const hint of hintsAt('current', 'saved')) queue.hint(hint)
  }
  for (const path of ['d', 'releases/2']) queue.hint({ path, extent: 'subtree' })
  await bench.until(() => index.get('current')?.target === 'releases/2', 'the symlink is never recorded')
  const behind = index.get('current')?.sequence ?? Number.NaN
  assert.deepEqual(
    release.filter((path) => !((index.get(path)?.sequence ?? Number.NaN) < behind)),
    [],
  )
  assert.ok(states.has('true releases/1'), [...states].join())
})

test('a symlink does not overtake a scan on demand that has found a part of what it points to', async () => {
  await using bench = new Bench([...numbered(4_000), 'releases/1/f'])
  const { queue, index, root } = bench
  symlinkSync('releases/1', join(root, 'current'))
  await queue.scan([WHOLE_TREE])
  const names = Array.from({ length: 1_500 }, (_, number) => `d${number}/f`)
  for (const name of names) bench.write(`releases/2/${name}`)
  const broken: string[] = []
  bench.whenAdvanced = () => {
    bench.whenAdvanced = () => {
      if (index.get('current')?.target !== 'releases/2') return
      for (const name of names) if (index.get(`releases/2/${name}`) === null) broken.push(name)
    }
    swap(bench, 'releases/2')
    queue.hint({ path: 'current', extent: 'entry' })
  }
  await queue.scan([WHOLE_TREE])
  await bench.until(() => index.get('current')?.target === 'releases/2', 'the symlink is never recorded')
  assert.deepEqual(broken, [])
})

test('a batch of which a part overtakes the rest waits for the rest with the symlink', async () => {
  const names = Array.from({ length: BOUNDS.overtakingHints * 2 }, (_, number) => `f${number}`)
  await using bench = new Bench([...names.map((name) => `releases/1/${name}`), 'releases/2/known'])
  const { queue, index } = bench
  symlinkSync('releases/1', join(bench.root, 'current'))
  await queue.scan([WHOLE_TREE])
  const paths = names.map((name) => `releases/2/${name}`)
  for (const path of paths) bench.write(path)
  swap(bench, 'releases/2')
  const broken = alwaysWhole(bench, ...names)
  for (const hint of hintsAt(...paths, 'current')) queue.hint(hint)
  await bench.until(() => index.get('current')?.target === 'releases/2', 'the symlink is never recorded')
  assert.deepEqual(broken, [])
})

test('a moved release that the guard withholds comes first, then the symlink to it, then the old one goes', async () => {
  await using bench = await benchWithBuild()
  const { queue, index, root } = bench
  const hints = bench.remove(...CACHED)
  renameSync(join(root, 'build'), join(root, 'releases/2'))
  swap(bench, 'releases/2')
  rmSync(join(root, 'releases/1'), { recursive: true })
  const broken = alwaysWhole(bench, 'f')
  for (const hint of [...hints, ...hintsAt('build', 'releases/2', 'current', 'releases/1')]) queue.hint(hint)
  await bench.until(() => index.get('releases/1') === null, 'the old release is never recorded as gone')
  assert.deepEqual([broken, index.get('current')?.target, index.get('cache/1')], [[], 'releases/2', null])
})

test('what was removed after a symlink that waits for other scans waits with it', async () => {
  await using bench = new Bench([...numbered(4_000), 'releases/1/f', 'releases/2/f'])
  const { queue, index, root } = bench
  symlinkSync('releases/1', join(root, 'current'))
  await queue.scan([WHOLE_TREE])
  const broken = alwaysWhole(bench, 'f')
  bench.write('d/new')
  bench.whenScanned = () => {
    bench.whenScanned = () => undefined
    queue.hint({ path: 'd', extent: 'subtree' })
  }
  swap(bench, 'releases/2')
  rmSync(join(root, 'releases/1'), { recursive: true })
  queue.hint({ path: 'd', extent: 'subtree' })
  await queue.rescan([WHOLE_TREE])
  await bench.until(() => index.get('releases/1') === null, 'the old release is never recorded as gone')
  assert.deepEqual([broken, index.get('current')?.target], [[], 'releases/2'])
})

test('what was removed after a symlink that waits for many hints before it waits with it', async () => {
  const names = Array.from({ length: BOUNDS.overtakingHints + 50 }, (_, number) => `f${number}`)
  // So few that the guard lets them go at once.
  const old = names.slice(0, 35).map((name) => `releases/1/${name}`)
  await using bench = new Bench([...numbered(4_000), ...old, 'releases/2/f0'])
  const { queue, index, root } = bench
  symlinkSync('releases/1', join(root, 'current'))
  await queue.scan([WHOLE_TREE])
  const watch = { backend: 'polling', settleMs: 20, maxWaitMs: 500, rescanMinutes: 30 } as const
  queue.configure({ watch, guard: queue.guard.limits })
  const uploads = names.map((name) => `uploads/${name}`)
  for (const path of uploads) bench.write(path)
  swap(bench, 'releases/2')
  rmSync(join(root, 'releases/1'), { recursive: true })
  const broken = alwaysWhole(bench, 'f0')
  for (const hint of hintsAt(...uploads, 'current', ...old, 'releases/1')) queue.hint(hint)
  await bench.until(() => index.get('releases/1') === null, 'the old release is never recorded as gone')
  assert.deepEqual([broken, index.get('current')?.target], [[], 'releases/2'])
})

test('a symlink that a scan finds while the hint at it waits goes after what was hinted at before', async () => {
  await using bench = new Bench(['releases/1/f'])
  const { queue, index, root } = bench
  symlinkSync('releases/1', join(root, 'current'))
  await queue.scan([WHOLE_TREE])
  bench.write('releases/2/f')
  swap(bench, 'releases/2')
  rmSync(join(root, 'releases/1'), { recursive: true })
  const broken = alwaysWhole(bench, 'f')
  for (const hint of hintsAt('releases/2', 'current', 'releases/1')) queue.hint(hint)
  // As a look at earlier deletions does.
  await queue.scan(hintsAt('current', 'releases/1'))
  await bench.until(() => index.get('releases/1') === null, 'the old release is never recorded as gone')
  assert.deepEqual([broken, index.get('current')?.target], [[], 'releases/2'])
})

test('a symlink that came while moves are withheld is recorded with them, and what it led to goes', async () => {
  await using bench = await benchWithBuild()
  const { queue, index, root } = bench
  const broken = alwaysWhole(bench, 'f')
  const hints = bench.remove(...CACHED)
  renameSync(join(root, 'build'), join(root, 'releases/2'))
  await queue.scan([...hints, ...hintsAt('build', 'releases/2')])
  swap(bench, 'releases/2')
  rmSync(join(root, 'releases/1'), { recursive: true })
  await queue.scan(hintsAt('current'))
  await queue.scan(hintsAt('releases/1'))
  await bench.until(() => index.get('releases/1') === null, 'the old release is never recorded as gone')
  assert.deepEqual([broken, index.get('current')?.target], [[], 'releases/2'])
})

test('a look at what is gone finds a symlink that another look has left out meanwhile', async () => {
  await using bench = new Bench([...numbered(4_000), 'releases/1/f', 'releases/2/f', 'releases/3/f'])
  const { queue, index, root } = bench
  symlinkSync('releases/1', join(root, 'current'))
  await queue.scan([WHOLE_TREE])
  swap(bench, 'releases/2')
  rmSync(join(root, 'releases/1'), { recursive: true })
  bench.write('d/new')
  const broken = alwaysWhole(bench, 'f')
  const look = queue.scan([
    ...hintsAt('current'),
    { path: 'releases/1', extent: 'subtree' },
    { path: 'd', extent: 'subtree' },
  ])
  swap(bench, 'releases/3')
  for (const hint of hintsAt('current')) queue.hint(hint)
  await look
  await bench.until(() => index.get('releases/1') === null, 'the old release is never recorded as gone')
  assert.deepEqual([broken, index.get('current')?.target], [[], 'releases/3'])
})
