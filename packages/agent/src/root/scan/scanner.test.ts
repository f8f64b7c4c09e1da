/** The scanner on a real tree: what it records after every kind of change, and what it does not believe. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { digestOf } from '@rootferry/protocol'
import { TestTree, temporaryRoot } from '../../../test-support/test-tree.ts'
import type { Loss } from './guard.ts'
import { lookAt } from './observe.ts'

function treeOf(...paths: string[]): TestTree {
  const root = temporaryRoot()
  for (const path of paths) {
    if (path.endsWith('/')) mkdirSync(join(root, path), { recursive: true })
    else {
      mkdirSync(join(root, path, '..'), { recursive: true })
      writeFileSync(join(root, path), `content of ${path}`)
    }
  }
  return new TestTree(root)
}

/** Teaches the index what packing would have learnt. */
function learn(tree: TestTree, ...paths: string[]): void {
  for (const path of paths) {
    const entry = tree.index.get(path)
    assert.ok(entry)
    const digest = digestOf(readFileSync(join(tree.root, path)))
    tree.index.learnDigests([{ path, content: entry.content, digest }])
  }
}

test('a first scan records everything, parents before children, and a second one nothing', () => {
  using tree = treeOf('a/b/c.txt', 'a/d.txt', 'e/')
  const recorded = tree.scanAll()
  assert.deepEqual([...recorded].sort(), ['.', 'a', 'a/b', 'a/b/c.txt', 'a/d.txt', 'e'])
  for (const path of recorded) {
    const parent = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '.'
    if (path !== '.') assert.ok(recorded.indexOf(parent) < recorded.indexOf(path), `${parent} before ${path}`)
  }
  assert.deepEqual(tree.scanAll(), [])
  assert.deepEqual({ ...tree.index.totals }, { files: 2, directories: 4, symlinks: 0, bytes: 38 })
})

test('a hint for one file records it and its directory, and nothing else', () => {
  using tree = treeOf('a/x', 'a/y', 'b/z')
  tree.scanAll()
  writeFileSync(join(tree.root, 'a/new'), 'n')
  writeFileSync(join(tree.root, 'b/unhinted'), 'n')
  assert.deepEqual(tree.scan('a/new').sort(), ['a', 'a/new'])
})

test('a new directory is walked when it is hinted at, and announced before it is listed', () => {
  using tree = treeOf('a/')
  tree.scanAll()
  mkdirSync(join(tree.root, 'a/p/q'), { recursive: true })
  writeFileSync(join(tree.root, 'a/p/q/f'), 'f')
  tree.found.length = 0
  assert.deepEqual(tree.scan('a/p').sort(), ['a', 'a/p', 'a/p/q', 'a/p/q/f'])
  assert.deepEqual(tree.found, ['a/p', 'a/p/q'])
})

test('a hint below a directory that is gone records the whole removal', () => {
  using tree = treeOf('a/b/c', 'a/b/d', 'a/e')
  tree.scanAll()
  rmSync(join(tree.root, 'a/b'), { recursive: true })
  assert.deepEqual(tree.scan('a/b/c').sort(), ['-a/b', '-a/b/c', '-a/b/d', 'a'])
  assert.deepEqual(tree.gone, ['a/b'])
})

test('directories of a tree that is gone are not opened in vain for each of its entries that is hinted at', () => {
  const paths = Array.from({ length: 500 }, (_, number) => `a/b/c${number % 20}/d/e${number}`)
  using tree = treeOf('a/f', ...paths)
  tree.scanAll()
  rmSync(join(tree.root, 'a/b'), { recursive: true })
  let inVain = 0
  const locate = tree.directories.locate.bind(tree.directories)
  tree.directories.locate = (path) => {
    try {
      return locate(path)
    } catch (error) {
      inVain += 1
      throw error
    }
  }
  const recorded = tree.scan(...paths, 'a/b')
  assert.equal(recorded.filter((path) => path.startsWith('-')).length, 500 + 40 + 1)
  assert.ok(inVain < 30, `${inVain} times`)
})

test('what was in a directory is removed before it, and before what takes its place', () => {
  using tree = treeOf('a/b/c/d', 'a/b/e', 'a/f', 'g/h/i', 'k')
  tree.scanAll()
  for (const path of ['a', 'g']) rmSync(join(tree.root, path), { recursive: true })
  writeFileSync(join(tree.root, 'g'), 'a file now')
  writeFileSync(join(tree.root, 'new'), 'new')
  const recorded = tree.scanAll()
  assert.deepEqual([...recorded].sort(), [
    '-a',
    '-a/b',
    '-a/b/c',
    '-a/b/c/d',
    '-a/b/e',
    '-a/f',
    '-g/h',
    '-g/h/i',
    '.',
    'g',
    'new',
  ])
  for (const [below, above] of [
    ['-a/b/c/d', '-a/b/c'],
    ['-a/b/c', '-a/b'],
    ['-a/b/e', '-a/b'],
    ['-a/b', '-a'],
    ['-a/f', '-a'],
    ['-g/h/i', '-g/h'],
    ['-g/h', 'g'],
    // The moved content is still there, so that a change can refer to it.
    ['new', '-a/b/c/d'],
  ] as const)
    assert.ok(recorded.indexOf(below) < recorded.indexOf(above), `${below} before ${above}: ${recorded.join()}`)
})

test('an edit that restores size and mtime is found by its ctime', () => {
  using tree = treeOf('f')
  tree.scanAll()
  learn(tree, 'f')
  const { atime, mtime } = lstatSync(join(tree.root, 'f'))
  writeFileSync(join(tree.root, 'f'), 'CONTENT OF f')
  utimesSync(join(tree.root, 'f'), atime, mtime)
  const before = tree.index.get('f')
  assert.deepEqual(tree.scan('f'), ['f'])
  assert.notEqual(tree.index.get('f')?.content, before?.content)
})

test('chmod and touch keep the content number; an untouched rewrite of the same bytes is not a change', () => {
  using tree = treeOf('f')
  tree.scanAll()
  learn(tree, 'f')
  const content = tree.index.get('f')?.content
  chmodSync(join(tree.root, 'f'), 0o600)
  assert.deepEqual(tree.scan('f'), ['f'])
  utimesSync(join(tree.root, 'f'), 1_000_000, 1_000_000)
  assert.deepEqual(tree.scan('f'), ['f'])
  assert.equal(tree.index.get('f')?.content, content)
  const { atime, mtime } = lstatSync(join(tree.root, 'f'))
  writeFileSync(join(tree.root, 'f'), readFileSync(join(tree.root, 'f')))
  utimesSync(join(tree.root, 'f'), atime, mtime)
  assert.deepEqual(tree.scan('f'), [])
})

test('a file written a moment ago is read again at the next look', () => {
  using tree = treeOf('f')
  writeFileSync(join(tree.root, 'f'), 'fresh')
  const { ctimeMs } = lstatSync(join(tree.root, 'f'))
  tree.clock = () => ctimeMs
  tree.clockSkewMs = 1
  tree.scan({ path: '.', extent: 'subtree' })
  assert.equal(tree.index.get('f')?.ctime, 0)
  learn(tree, 'f')
  tree.clockSkewMs = 1_000
  assert.deepEqual(tree.scan('f'), [])
  assert.notEqual(tree.index.get('f')?.ctime, 0)
})

test('a clock that was set back: what was written after that is read again as long as its times lie ahead', () => {
  using tree = treeOf('f')
  const { ctimeMs } = lstatSync(join(tree.root, 'f'))
  tree.scanAll()
  learn(tree, 'f')
  writeFileSync(join(tree.root, 'f'), 'F'.repeat(tree.index.get('f')?.size ?? 0))
  utimesSync(join(tree.root, 'f'), 0, (tree.index.get('f')?.mtime ?? 0) / 1e6)
  tree.clock = () => ctimeMs - 3_600_000
  assert.deepEqual(tree.scan('f'), ['f'])
  assert.equal(tree.index.get('f')?.ctime, 0)
  learn(tree, 'f')
  tree.clock = () => ctimeMs + 3_600_000
  assert.deepEqual(tree.scan('f'), [])
  assert.notEqual(tree.index.get('f')?.ctime, 0)
})

test('a directory has the times of what came into it after the look at it and before its watch', () => {
  using tree = treeOf('d/e/f')
  const inner = join(tree.root, 'd/e')
  const change = (name: string) => {
    writeFileSync(join(inner, name), name)
    rmSync(join(inner, name))
    utimesSync(inner, 0, name.length)
  }
  tree.beginsWatching = true
  for (const name of ['of a first scan', 'of a second']) {
    tree.whenFound = (path) => (path === 'd/e' ? change(name) : undefined)
    tree.scanAll()
    assert.equal(tree.index.get('d/e')?.mtime, name.length * 1e6)
  }
})

test('types swap among file, directory and symlink', () => {
  using tree = treeOf('f', 'd/x/y', 'target/inner')
  symlinkSync('target', join(tree.root, 'l'))
  tree.scanAll()
  rmSync(join(tree.root, 'f'))
  rmSync(join(tree.root, 'd'), { recursive: true })
  rmSync(join(tree.root, 'l'))
  mkdirSync(join(tree.root, 'f'))
  writeFileSync(join(tree.root, 'f/below'), '')
  symlinkSync('target', join(tree.root, 'd'))
  writeFileSync(join(tree.root, 'l'), 'file')
  const recorded = tree.scan('d', 'f', 'l')
  assert.deepEqual(recorded.sort(), ['-d/x', '-d/x/y', '.', 'd', 'f', 'f/below', 'l'])
  assert.equal(tree.index.get('d')?.kind, 'symlink')
  assert.equal(tree.index.get('f')?.kind, 'directory')
  assert.equal(tree.index.get('l')?.kind, 'file')
})

test('a hint below a directory that became a symlink does not look through it', () => {
  using tree = treeOf('d/inner', 'outside/inner')
  tree.scanAll()
  rmSync(join(tree.root, 'd'), { recursive: true })
  symlinkSync('outside', join(tree.root, 'd'))
  writeFileSync(join(tree.root, 'outside/inner'), 'changed through the link')
  tree.scan('d/inner')
  assert.equal(tree.index.get('d')?.kind, 'symlink')
  assert.equal(tree.index.get('d/inner'), null)
})

test('a directory that is moved keeps the digests of its files without reading them', () => {
  using tree = treeOf('a/x', 'a/deep/y')
  tree.scanAll()
  learn(tree, 'a/x', 'a/deep/y')
  const digest = tree.index.get('a/deep/y')?.digest
  renameSync(join(tree.root, 'a'), join(tree.root, 'b'))
  tree.scan('a', 'b')
  assert.equal(tree.index.get('b/deep/y')?.digest, digest)
  assert.equal(tree.index.get('a'), null)
})

test('delete and recreate a directory at once: its new content is found even under the same inode', () => {
  using tree = treeOf('d/old')
  tree.scanAll()
  rmSync(join(tree.root, 'd'), { recursive: true })
  mkdirSync(join(tree.root, 'd'))
  writeFileSync(join(tree.root, 'd/new'), 'n')
  const recorded = tree.scan('d')
  assert.ok(recorded.includes('d/new') && recorded.includes('-d/old'), recorded.join())
})

test('FIFOs and names that are not UTF-8 are problems of their path and nothing else', () => {
  using tree = treeOf('fine')
  execFileSync('mkfifo', [join(tree.root, 'pipe')])
  execFileSync('sh', ['-c', 'touch "$(printf "bad\\377name")"'], { cwd: tree.root })
  assert.deepEqual(tree.scanAll().sort(), ['.', 'fine'])
  assert.deepEqual(
    tree.problems
      .list()
      .map(({ code }) => code)
      .sort(),
    ['invalid-name', 'special-file'],
  )
})

test('a file that becomes a FIFO is removed, and the FIFO is a problem', () => {
  using tree = treeOf('f')
  tree.scanAll()
  rmSync(join(tree.root, 'f'))
  execFileSync('mkfifo', [join(tree.root, 'f')])
  assert.deepEqual(tree.scan('f').sort(), ['-f', '.'])
})

test('a pattern for a directory excludes a symlink in its place', () => {
  using tree = new TestTree(temporaryRoot(), ['var/session/'])
  mkdirSync(join(tree.root, 'var'))
  symlinkSync('/mnt/sessions', join(tree.root, 'var/session'))
  assert.deepEqual(tree.scanAll().sort(), ['.', 'var'])
  assert.deepEqual(tree.scan('var/session'), [])
})

test('lost+found is not recorded, and is not a problem when it cannot be read', () => {
  using tree = treeOf('lost+found/#12', 'volume/lost+found/', 'volume/a')
  assert.deepEqual(tree.scanAll().sort(), ['.', 'volume', 'volume/a'])
  assert.deepEqual(tree.problems.list(), [])
})

test('what a filter excludes is not recorded, and what it begins to exclude is forgotten without a tombstone', () => {
  const root = temporaryRoot()
  mkdirSync(join(root, 'var/cache'), { recursive: true })
  writeFileSync(join(root, 'var/cache/x'), 'x')
  writeFileSync(join(root, 'a.log'), 'log')
  using tree = new TestTree(root, ['var/cache/', '*.log'])
  assert.deepEqual(tree.scanAll().sort(), ['.', 'var'])
  assert.deepEqual(tree.scan('var/cache/x', 'a.log'), [])
  assert.ok(!tree.found.includes('var/cache'))
})

test('a large file with other times is left to the background, and settled by its digest', () => {
  using tree = treeOf()
  const path = join(tree.root, 'large')
  writeFileSync(path, Buffer.alloc(9 * 1024 * 1024, 'x'))
  tree.scanAll()
  learn(tree, 'large')
  utimesSync(path, 1_000, 1_000)
  tree.scan('large')
  assert.deepEqual(tree.largeSuspects, ['large'])
  const before = tree.index.get('large')
  assert.ok(before)
  const look = lookAt(tree.directories, 'large', tree.nowMs())
  assert.ok(look.found === 'entry')
  const { observation } = look
  assert.equal(tree.scanner.decideSuspect('large', { ...observation, ctime: 1 }, before.digest ?? ''), false, 'other')
  assert.equal(tree.scanner.decideSuspect('large', observation, before.digest ?? ''), true)
  assert.equal(tree.index.get('large')?.content, before.content)
  assert.equal(tree.index.get('large')?.mtime, 1_000e6)
})

test('a write through one name of a hard-linked file is found under the other', () => {
  using tree = treeOf('a/one')
  tree.scanAll()
  linkSync(join(tree.root, 'a/one'), join(tree.root, 'two'))
  tree.scan('two')
  appendFileSync(join(tree.root, 'two'), ' and more')
  assert.deepEqual(tree.scan('two').sort(), ['a/one', 'two'])
  rmSync(join(tree.root, 'a/one'))
  tree.scan('a/one')
  appendFileSync(join(tree.root, 'two'), ' and more')
  assert.deepEqual(tree.scan('two'), ['two'])
})

test('a change of a file with many names costs two looks a name, whether the names are inside or outside of the root', () => {
  const names = 300
  using tree = treeOf('d/0', 'elsewhere/')
  for (let number = 1; number < names; number += 1) linkSync(join(tree.root, 'd/0'), join(tree.root, `d/${number}`))
  tree.scanAll()
  learn(tree, ...Array.from({ length: names }, (_, number) => `d/${number}`))
  chmodSync(join(tree.root, 'd/0'), 0o600)
  tree.looks = 0
  const recorded = tree.scan(...Array.from({ length: names }, (_, number) => `d/${number}`))
  assert.equal(recorded.length, names)
  assert.ok(tree.looks <= 2 * names + 2, `${tree.looks} looks at ${names} names`)
  chmodSync(join(tree.root, 'd/0'), 0o640)
  tree.looks = 0
  assert.equal(tree.scan('d/7').length, names, 'every name is found by a hint at one of them')
  assert.ok(tree.looks <= names + 2, `${tree.looks} looks at ${names} names`)
})

test('a loss that the guard objects to is told with its place, which is not one that was only moved', () => {
  using tree = treeOf('a/b', 'a/c', 'media/x/1', 'media/x/2', 'media/y', 'f')
  tree.scanAll()
  tree.judge = () => ({ decision: 'halt', reason: 'too much', isOfPart: true })
  renameSync(join(tree.root, 'a'), join(tree.root, 'g'))
  rmSync(join(tree.root, 'media/x'), { recursive: true })
  const steps = tree.scanner.scan([{ path: '.', extent: 'subtree' }], tree.judge)
  let step = steps.next()
  while (step.done !== true) step = steps.next()
  assert.deepEqual(step.value, { decision: 'halt', reason: 'too much: most below media/x', isOfPart: true })
})

test('a scan tells the guard what is gone and what was moved, and records nothing that it does not let pass', () => {
  using tree = treeOf('a/b', 'a/c', 'd/e', 'f')
  tree.scanAll()
  const losses: Loss[] = []
  tree.judge = (loss) => {
    losses.push(loss)
    return { decision: 'halt', reason: 'for the test', isOfPart: false }
  }
  renameSync(join(tree.root, 'a'), join(tree.root, 'g'))
  rmSync(join(tree.root, 'd'), { recursive: true })
  // As filesystems do: another file gets the number of a deleted one.
  rmSync(join(tree.root, 'f'))
  writeFileSync(join(tree.root, 'h'), 'other content')
  assert.deepEqual(tree.scanAll(), [])
  assert.deepEqual(losses, [{ removals: 6, moved: 3, additions: 4 }])
  tree.judge = () => ({ decision: 'pass' })
  assert.deepEqual(tree.scanAll().sort(), ['-a', '-a/b', '-a/c', '-d', '-d/e', '-f', '.', 'g', 'g/b', 'g/c', 'h'])
})

test('a scan that is broken off leaves nothing below a path that is not a directory any more', () => {
  using tree = treeOf('a/below', 'z/')
  tree.scanAll()
  rmSync(join(tree.root, 'a'), { recursive: true })
  writeFileSync(join(tree.root, 'a'), 'a file now')
  // More than one portion of findings, in a directory that is walked before the scan ends.
  for (let number = 0; number < 5_001; number += 1) writeFileSync(join(tree.root, `z/${number}`), '')
  mkdirSync(join(tree.root, 'z/later'))
  const before = tree.index.head
  const steps = tree.scanner.scan([{ path: '.', extent: 'subtree' }], tree.judge)
  while (tree.index.head === before) assert.notEqual(steps.next().done, true, 'no portion was recorded')
  assert.ok(tree.index.get('a')?.kind === 'directory' || tree.index.get('a/below') === null)
  while (steps.next().done !== true);
  assert.equal(tree.index.get('a')?.kind, 'file')
  assert.equal(tree.index.get('a/below'), null)
})

test('a directory that is gone at one look and back at the next is never absent with something in it', () => {
  using tree = treeOf('d/file', 'other/file')
  tree.scanAll()
  rmSync(join(tree.root, 'd'), { recursive: true })
  const steps = tree.scanner.scan(
    [
      { path: 'd', extent: 'entry' },
      { path: 'other', extent: 'subtree' },
      { path: 'd/file', extent: 'entry' },
    ],
    tree.judge,
  )
  assert.equal(steps.next().done, false)
  mkdirSync(join(tree.root, 'd'))
  writeFileSync(join(tree.root, 'd/file'), 'made anew')
  while (steps.next().done !== true);
  assert.equal(tree.index.get('d')?.kind, 'directory')
  assert.equal(tree.index.get('d/file')?.size, 'made anew'.length)
})

test('a directory that is gone again amid a scan takes along what was found in it', () => {
  using tree = treeOf('d/e/file', 'other/file')
  tree.scanAll()
  rmSync(join(tree.root, 'd'), { recursive: true })
  tree.scan('d')
  const hint = (path: string) => ({ path, extent: 'entry' }) as const
  mkdirSync(join(tree.root, 'd/e'), { recursive: true })
  writeFileSync(join(tree.root, 'd/e/file'), 'made anew')
  const steps = tree.scanner.scan([hint('d'), hint('d/e'), hint('d/e/file'), hint('other')], tree.judge)
  for (let listed = 0; listed < 2; listed += 1) assert.equal(steps.next().done, false)
  rmSync(join(tree.root, 'd'), { recursive: true })
  // Another reader of the tree does this meanwhile.
  tree.directories.release()
  while (steps.next().done !== true);
  for (const path of ['d', 'd/e', 'd/e/file']) assert.equal(tree.index.get(path), null, path)
})

test('a directory that is gone and back amid a scan, without what had been found in it, leaves nothing of that', () => {
  using tree = treeOf('p/x/old', 'p/q/')
  tree.scanAll()
  writeFileSync(join(tree.root, 'p/x/new'), 'new')
  const steps = tree.scanner.scan(
    [
      { path: 'p/x', extent: 'subtree' },
      { path: 'p/x/new', extent: 'entry' },
      { path: 'p/g/h', extent: 'entry' },
      { path: 'p/q/f', extent: 'entry' },
    ],
    tree.judge,
  )
  assert.equal(steps.next().done, false)
  tree.directories.release()
  rmSync(join(tree.root, 'p'), { recursive: true })
  tree.whenGone = (path) => {
    if (path !== 'p') return
    mkdirSync(join(tree.root, 'p/q'), { recursive: true })
    writeFileSync(join(tree.root, 'p/q/f'), 'f')
  }
  while (steps.next().done !== true);
  assert.equal(tree.index.get('p')?.kind, 'directory')
  for (const path of ['p/x', 'p/x/old', 'p/x/new']) assert.equal(tree.index.get(path), null, path)
})
