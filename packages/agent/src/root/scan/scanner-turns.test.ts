/** The scanner in turns: what it does between two looks, what it leaves to the background, and who may overtake it. */
import assert from 'node:assert/strict'
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { digestOf } from '@rootferry/protocol'
import { TestTree, temporaryRoot } from '../../../test-support/test-tree.ts'
import type { Hint } from '../watch/watcher.ts'
import { Guard } from './guard.ts'
import { KnownBorders } from './known-borders.ts'
import { scanJudge } from './scan-judge.ts'
import type { ScanVerdict } from './scanner.ts'
import { WithheldDeletions } from './withheld-deletions.ts'

const NO_BORDERS = {
  borders: { refresh: () => false, all: [] },
  remembered: null,
  remember: () => undefined,
  behind: { indexed: () => null, topOf: () => null, showsAny: () => true },
  bootId: 'boot',
  concerns: () => true,
}
const whole: Hint = { path: '.', extent: 'subtree' }

function treeOf(...paths: string[]): TestTree {
  const root = temporaryRoot()
  for (const path of paths) {
    mkdirSync(join(root, path, path.endsWith('/') ? '.' : '..'), { recursive: true })
    if (!path.endsWith('/')) writeFileSync(join(root, path), `content of ${path}`)
  }
  return new TestTree(root)
}

/** Teaches the index what packing would have learnt. */
function learn(tree: TestTree, ...paths: string[]): void {
  for (const path of paths) {
    const content = tree.index.get(path)?.content ?? assert.fail(path)
    tree.index.learnDigests([{ path, content, digest: digestOf(readFileSync(join(tree.root, path))) }])
  }
}

test('a scan gives way between any two entries, also inside one directory, one that is gone, and among names of a file', () => {
  using tree = treeOf('d/', 'gone/')
  for (let number = 0; number < 1_500; number += 1) {
    writeFileSync(join(tree.root, `d/${number}`), '')
    writeFileSync(join(tree.root, `gone/${number}`), '')
    if (number > 0) linkSync(join(tree.root, 'd/0'), join(tree.root, `d/link${number}`))
  }
  const longest = (...hints: Hint[]) => {
    let most = 0
    let steps = 0
    const scan = tree.scanner.scan(hints, tree.judge)
    for (tree.looks = 0; scan.next().done !== true; tree.looks = 0, steps += 1) most = Math.max(most, tree.looks)
    return { most, steps }
  }
  assert.ok(longest(whole).most <= 2)
  assert.equal(tree.index.totals.files, 4_499)
  assert.ok(longest(whole).most <= 2)
  chmodSync(join(tree.root, 'd/0'), 0o600)
  assert.ok(longest({ path: 'd/0', extent: 'entry' }).most <= 2)
  rmSync(join(tree.root, 'gone'), { recursive: true })
  assert.ok(longest({ path: 'gone', extent: 'entry' }).steps >= 1_500)
  assert.equal(tree.index.get('gone/7'), null)
})

test('of many suspects the attributes are recorded at once, and most bytes are left to the background', () => {
  const paths = Array.from({ length: 20 }, (_, number) => `f${number}`)
  using tree = treeOf()
  for (const path of paths) writeFileSync(join(tree.root, path), Buffer.alloc(200_000, path))
  tree.scanAll()
  learn(tree, ...paths)
  const before = paths.map((path) => tree.index.get(path))
  for (const path of paths) chmodSync(join(tree.root, path), 0o600)
  assert.deepEqual(tree.scan(...paths).sort(), paths.toSorted())
  const after = paths.map((path) => tree.index.get(path))
  assert.ok(after.every((row) => row?.mode === 0o600))
  assert.deepEqual(
    after.map((row) => [row?.content, row?.digest]),
    before.map((row) => [row?.content, row?.digest]),
  )
  assert.ok(tree.largeSuspects.length >= 15, `${tree.largeSuspects.length} of 20 wait`)
  // Until their bytes are known they stay suspects, also for an agent that is started anew.
  for (const path of tree.largeSuspects) {
    assert.equal(tree.index.get(path)?.ctime, before[paths.indexOf(path)]?.ctime)
  }
})

test('a new mtime of a suspect waits for its bytes: a cache that saw both apart would keep the old ones', () => {
  using tree = treeOf()
  writeFileSync(join(tree.root, 'f'), Buffer.alloc(9 * 1024 * 1024, 'x'))
  tree.scanAll()
  learn(tree, 'f')
  writeFileSync(join(tree.root, 'f'), Buffer.alloc(9 * 1024 * 1024, 'y'))
  chmodSync(join(tree.root, 'f'), 0o600)
  tree.scan('f')
  assert.notEqual(tree.index.get('f')?.mode, 0o600)
  assert.deepEqual(tree.largeSuspects, ['f'])
})

test('trouble of the process is no property of a path: its row stays, and it is to be looked at again', () => {
  using tree = treeOf('d/a', 'e/b')
  tree.scanAll()
  for (const code of ['EMFILE', 'ENFILE', 'ENOMEM', 'EIO', 'ESTALE']) {
    tree.fault = (directory, name) => (directory === '.' && name === 'd' ? code : null)
    assert.deepEqual(tree.scanAll(), [], code)
    assert.deepEqual(
      tree.scanner.takeTroubled().map(({ hint }) => hint.path),
      ['d'],
      code,
    )
    assert.notEqual(tree.index.get('d/a'), null)
    assert.equal(tree.problems.count, code === 'EIO' || code === 'ESTALE' ? 1 : 0, code)
  }
  tree.fault = () => null
  assert.deepEqual(tree.scanAll(), [])
  assert.deepEqual([tree.scanner.takeTroubled(), tree.problems.count], [[], 0])
})

test('a scan that was overtaken records nothing over what is newer, and asks for another look at it', () => {
  using tree = treeOf('d/1', 'd/2', 'd/3', 'gone/x')
  tree.scanAll()
  rmSync(join(tree.root, 'gone'), { recursive: true })
  writeFileSync(join(tree.root, 'd/1'), 'first')
  const other = tree.another()
  const steps = tree.scanner.scan([whole], tree.judge)
  tree.looked.clear()
  const looksAtAll = () => {
    let found = false
    while (!found) found = steps.next().done === true || tree.looked.has('d/3')
  }
  looksAtAll()
  writeFileSync(join(tree.root, 'd/1'), 'second, longer')
  mkdirSync(join(tree.root, 'gone'))
  writeFileSync(join(tree.root, 'gone/y'), 'y')
  const overtaking = other.scan(
    [
      { path: 'd/1', extent: 'entry' },
      { path: 'gone', extent: 'entry' },
    ],
    tree.judge,
  )
  while (overtaking.next().done !== true);
  while (steps.next().done !== true);
  assert.equal(tree.index.get('d/1')?.size, 'second, longer'.length)
  assert.equal(tree.index.get('gone')?.kind, 'directory')
  assert.equal(tree.index.get('gone/y')?.kind, 'file')
  assert.ok(tree.scanner.takeOutdated().some(({ path }) => path === 'd/1'))
})

function verdictOf(scan: Generator<Promise<void> | undefined, ScanVerdict>): ScanVerdict {
  for (let step = scan.next(); ; step = scan.next()) if (step.done === true) return step.value
}

for (const { what, isWhole } of [
  { what: 'the files of a part', isWhole: false },
  { what: 'a part', isWhole: true },
])
  test(`what a scan has recorded itself counts as there when ${what} of it is gone before the scan is over`, () => {
    using tree = treeOf('shop/')
    tree.scanAll()
    const judge = scanJudge(
      {
        guard: new Guard({ maxDeletePercent: 50, minDeletes: 1_000 }),
        borders: new KnownBorders(NO_BORDERS),
        mode: () => 'judged',
        hold: { look: () => undefined },
        index: tree.index,
        withheld: new WithheldDeletions(),
      },
      false,
    )
    for (let number = 0; number < 2_500; number += 1) {
      mkdirSync(join(tree.root, `shop/${number % 5}`), { recursive: true })
      writeFileSync(join(tree.root, `shop/${number % 5}/${number}`), '')
    }
    const hints: Hint[] = [0, 1, 2, 3, 4, 0].map((part) => ({ path: `shop/${part}`, extent: 'subtree' }))
    const part = join(tree.root, 'shop/0')
    const scan = tree.scanner.scan(hints, judge)
    let step = scan.next()
    for (; step.done !== true; step = scan.next()) {
      // A part of one release gives way to the next.
      if (tree.index.totals.files < 2_000) continue
      if (isWhole) rmSync(part, { recursive: true, force: true })
      else for (const name of readdirSync(part)) rmSync(join(part, name))
    }
    // A directory that is gone when it should be listed again is left to another look.
    const again = tree.scanner.takeOutdated()
    assert.deepEqual(again, isWhole ? [{ path: 'shop/0', extent: 'subtree' }] : [])
    const verdict = isWhole ? verdictOf(tree.scanner.scan(again, judge)) : step.value
    assert.deepEqual(verdict, { decision: 'look-again' }, 'neither the whole tree nor most of it')
  })

test('a symlink that points elsewhere is recorded behind all that came, and before what is gone', () => {
  using tree = treeOf('releases/1/x', 'releases/1/y')
  symlinkSync('releases/1', join(tree.root, 'current'))
  tree.scanAll()
  const names = Array.from({ length: 2_500 }, (_, number) => `releases/2/d${number % 10}/f${number}`)
  for (const name of names) {
    mkdirSync(join(tree.root, dirname(name)), { recursive: true })
    writeFileSync(join(tree.root, name), name)
  }
  symlinkSync('releases/2', join(tree.root, 'next'))
  renameSync(join(tree.root, 'next'), join(tree.root, 'current'))
  rmSync(join(tree.root, 'releases/1'), { recursive: true })
  const before = tree.index.head
  for (const _ of tree.scanner.scan(
    [
      { path: 'current', extent: 'entry' },
      { path: 'releases/1', extent: 'entry' },
      { path: 'releases/2', extent: 'subtree' },
    ],
    tree.judge,
  ));
  const sequences = new Map(tree.index.changesAfter(before, 5_000).map(({ path, sequence }) => [path, sequence]))
  const sequenceOf = (path: string) => sequences.get(path) ?? Number.NaN
  assert.deepEqual(
    names.filter((name) => !(sequenceOf(name) < sequenceOf('current'))),
    [],
  )
  assert.ok(sequenceOf('releases/1/x') > sequenceOf('current'))
})

test('what was written under a name that went, or is another file now, is found under the other names', () => {
  for (const [renew, kind] of [
    [true, 'another file'],
    [false, 'gone'],
  ] as const) {
    using tree = treeOf('a/one', 'b/')
    linkSync(join(tree.root, 'a/one'), join(tree.root, 'b/two'))
    tree.scanAll()
    writeFileSync(join(tree.root, 'a/one'), 'written under one name, longer')
    rmSync(join(tree.root, 'a/one'))
    if (renew) writeFileSync(join(tree.root, 'a/one'), 'another')
    for (const _ of tree.scanner.scan([{ path: 'a/one', extent: 'entry' }], tree.judge));
    assert.equal(tree.index.get('b/two')?.size, 'written under one name, longer'.length, kind)
  }
})

for (const { what, later } of [
  { what: 'a hint at what is in it', later: 'd/f' },
  { what: 'a look at the other names of a file in it', later: 'name' },
])
  test(`a directory that comes back amid the scan that saw it go is looked through for ${what}`, () => {
    using tree = treeOf('d/e/', 'd/f', 'd/g')
    linkSync(join(tree.root, 'd/f'), join(tree.root, 'name'))
    tree.scanAll()
    const [path, aside] = ['d', 'aside'].map((name) => join(tree.root, name)) as [string, string]
    renameSync(path, aside)
    const hints = ['d', later].map((hint): Hint => ({ path: hint, extent: 'entry' }))
    const scan = tree.scanner.scan(hints, tree.judge)
    tree.looked.clear()
    while (!tree.looked.has('d')) assert.ok(scan.next().done !== true)
    rmSync(join(aside, 'g'))
    renameSync(aside, path)
    chmodSync(join(tree.root, 'name'), 0o600)
    while (scan.next().done !== true);
    // A file whose directory is told as gone would not be told again with it.
    assert.equal(tree.index.get('d/f') === null, tree.index.get('d') === null)
    // The watcher hints at its return.
    tree.scan('d')
    for (const there of ['d', 'd/e', 'd/f']) assert.notEqual(tree.index.get(there), null, there)
    assert.equal(tree.index.get('d/g'), null)
  })
