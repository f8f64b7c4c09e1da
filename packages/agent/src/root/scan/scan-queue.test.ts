/** The queue of scans over a real tree without a watcher: deletions that the guard looks at again are not lost. */
import assert from 'node:assert/strict'
import { chmodSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { digestOf, ROOT_PATH } from '@rootferry/protocol'
import { Bench, hintsAt, numbered } from '../../../test-support/scan-bench.ts'
import { BOUNDS } from '../../bounds.ts'
import { WHOLE_TREE } from './scan-queue.ts'

/** Times of a file that was written this long ago prove what is in it. */
const RACY_MS = 20

test('deletions that the guard looks at again are looked at again, though a scan that was waiting passes meanwhile', async () => {
  const names = numbered(20)
  await using bench = new Bench(names)
  const { queue, index } = bench
  await queue.scan([WHOLE_TREE])
  const gone = names.slice(0, 8)
  const hints = bench.remove(...gone)
  bench.write('other')
  // The second one is waiting when the guard lets the first one wait.
  await Promise.all([queue.scan(hints), queue.scan(hintsAt('other'))])
  assert.notEqual(index.get('other'), null)
  assert.notEqual(index.get('d/f0'), null, 'not recorded yet')
  await bench.until(() => index.get('d/f0') === null, 'deletions are never looked at again')
  for (const name of gone) assert.equal(index.get(name), null)
})

test('only deletions wait for the guard: a save of the same scan and a later one are recorded while more is deleted', async () => {
  const names = numbered(3_000)
  await using bench = new Bench(names)
  const { queue, index } = bench
  await queue.scan([WHOLE_TREE])
  const before = index.get('d')
  const hints = bench.remove(...names.splice(0, 60))
  bench.write('with')
  await queue.scan([...hints, ...hintsAt('with')])
  assert.notEqual(index.get('with'), null, 'the save of the same scan')
  assert.notEqual(index.get('d/f0'), null, 'not recorded yet')
  assert.deepEqual(index.get('d'), before, 'the directory has the times of a deletion that may be none')
  bench.write('later')
  for (const hint of hintsAt('later')) queue.hint(hint)
  const deleteMore = () => bench.remove(...names.splice(0, 10)).forEach((hint) => queue.hint(hint))
  await bench.until(() => index.get('later') !== null, 'a save waits for the guard', deleteMore)
  assert.notEqual(index.get('d/f0'), null, 'still not recorded')
  await bench.until(() => index.get('d/f0') === null, 'deletions are never looked at again')
})

test('both halves of a move wait with the deletions of their scan, and are no deletion when they are looked at again', async () => {
  const names = numbered(100)
  await using bench = new Bench([...names, 'old/a', 'old/b'])
  const { queue, index } = bench
  await queue.scan([WHOLE_TREE])
  const hints = bench.remove(...names.slice(0, 20))
  renameSync(join(bench.root, 'old'), join(bench.root, 'new'))
  bench.write('new/c')
  await queue.scan([...hints, ...hintsAt('old', 'new')])
  for (const path of ['new', 'new/a', 'new/c']) assert.equal(index.get(path), null, path)
  assert.notEqual(index.get('old/a'), null)
  await bench.until(() => index.get('new/c') !== null, 'the move is never recorded')
  assert.equal(index.get('old'), null)
})

test('a directory that comes back before it counts as gone is looked at with what came into it meanwhile', async () => {
  const names = numbered(100)
  await using bench = new Bench([...names, 'old/a'])
  const { queue, index } = bench
  await queue.scan([WHOLE_TREE])
  const away = join(bench.root, '..', `${basename(bench.root)}-away`)
  renameSync(join(bench.root, 'old'), away)
  await queue.scan([...bench.remove(...names.slice(0, 20)), ...hintsAt('old')])
  assert.notEqual(index.get('old/a'), null, 'not recorded yet')
  writeFileSync(join(away, 'new'), 'meanwhile')
  renameSync(away, join(bench.root, 'old'))
  await queue.scan(hintsAt('old'))
  await bench.until(() => index.get('d/f0') === null, 'deletions are never looked at again')
  assert.notEqual(index.get('old/a'), null)
  assert.notEqual(index.get('old/new'), null, 'what came into it')
})

test('a save overtakes a whole scan; one that comes with a deletion is recorded, and the deletion waits its turn', async () => {
  await using bench = new Bench([...Array.from({ length: 4_000 }, (_, number) => `d${number % 40}/${number}`), 'old'])
  const { queue, index } = bench
  await queue.scan([WHOLE_TREE])
  for (const isWithDeletion of [false, true]) {
    const name = `save ${isWithDeletion}`
    const whole = queue.scan([WHOLE_TREE])
    await new Promise((resolve) => setImmediate(resolve))
    bench.write(name)
    for (const hint of hintsAt(name)) queue.hint(hint)
    if (isWithDeletion) for (const hint of bench.remove('old')) queue.hint(hint)
    let wasThere = false
    bench.whenScanned = () => {
      wasThere ||= index.get(name) !== null
      bench.whenScanned = () => undefined
    }
    await whole
    assert.ok(wasThere, 'recorded before the end of the whole scan')
  }
  await bench.until(() => index.get('old') === null, 'the deletion is never recorded')
})

test('a save that overtakes a scan along with a directory that is gone is recorded before the end of the scan', async () => {
  const gone = Array.from({ length: 3_000 }, (_, number) => `gone/${number}`)
  await using bench = new Bench([...numbered(4_000), ...gone])
  const { queue, index, root } = bench
  await queue.scan([WHOLE_TREE])
  const whole = queue.scan([{ path: 'd', extent: 'subtree' }])
  await new Promise((resolve) => setImmediate(resolve))
  rmSync(join(root, 'gone'), { recursive: true })
  bench.write('save')
  for (const hint of hintsAt('gone', 'save')) queue.hint(hint)
  let wasThere = false
  bench.whenScanned = () => {
    wasThere ||= index.get('save') !== null
    bench.whenScanned = () => undefined
  }
  await whole
  assert.ok(wasThere)
  await bench.until(() => index.get('gone/0') === null && index.get('gone') === null, 'it is never recorded as gone')
})

test('a save is recorded before what was hinted at with it is listed, if that is much', async () => {
  await using bench = new Bench(numbered(4_000))
  const { queue, index, reports } = bench
  await queue.scan([WHOLE_TREE])
  bench.write('save')
  reports.length = 0
  let isFirst: boolean | null = null
  bench.whenAdvanced = () =>
    setImmediate(() => {
      isFirst ??= !reports.includes('scanned') && index.get('save') !== null
    })
  await queue.scan([{ path: 'd', extent: 'subtree' }, ...hintsAt('save')])
  assert.ok(isFirst)
})

test('a scan records no faster than a receiver that follows shows it, deletions too; a save does not wait for that', async () => {
  const old = Array.from({ length: 1_600 }, (_, number) => `old/${number}`)
  await using bench = new Bench([...old, ...Array.from({ length: 2_400 }, (_, number) => `kept/${number}`)])
  const { queue, index, root } = bench
  await queue.scan([WHOLE_TREE])
  for (const name of numbered(4_000)) bench.write(name)
  rmSync(join(root, 'old'), { recursive: true })
  let [shown, most, saves] = [index.head, 0, 0]
  queue.progress.pace.shown(shown)
  bench.whenAdvanced = () => {
    const ahead = index.head - shown
    most = Math.max(most, ahead)
    if (ahead <= BOUNDS.changesAhead) return
    // Nothing is shown before a save has come between.
    if (index.get(`save${saves}`) !== null) {
      saves += 1
      shown = index.head
      queue.progress.pace.shown(shown)
    }
    bench.write(`save${saves}`)
    for (const hint of hintsAt(`save${saves}`)) queue.hint(hint)
  }
  for (const hint of hintsAt('d', 'old')) queue.hint(hint)
  await bench.until(() => index.get('d/f3999') !== null && index.get('old') === null, 'the scan does not go on')
  assert.ok(saves >= 3, `${saves} saves came between`)
  assert.ok(most <= BOUNDS.changesAhead + BOUNDS.portionFindings + 100, `${most} changes ahead`)
})

test('a large new directory of which an overtaking look recorded a part before it gave up is found whole', async () => {
  await using bench = new Bench(numbered(4_000))
  const { queue, index } = bench
  await queue.scan([WHOLE_TREE])
  const parts = Array.from({ length: 2_500 }, (_, number) => `new/part${number}`)
  for (const part of parts) bench.write(`${part}/file`)
  const other = queue.scan([{ path: 'd', extent: 'subtree' }])
  await new Promise((resolve) => setImmediate(resolve))
  for (const hint of hintsAt('new')) queue.hint(hint)
  let recorded = 0
  bench.whenScanned = () => {
    recorded ||= parts.filter((part) => index.get(part) !== null).length
  }
  await other
  assert.ok(recorded > 0 && recorded < parts.length, `${recorded} parts are recorded by the overtaking look`)
  await bench.until(() => parts.every((part) => index.get(`${part}/file`) !== null), 'a part is never found')
})

test('what a scan has seen is not recorded when a look that overtook it found it gone, or there again', async () => {
  await using bench = new Bench([...numbered(4_000), 'a/known'])
  const { queue, index, opened, root } = bench
  await queue.scan([WHOLE_TREE])
  bench.write('a/new/below/file')
  renameSync(join(root, 'a/known'), join(root, '../aside'))
  const locate = opened.directories.locateDirectory.bind(opened.directories)
  opened.directories.locateDirectory = (directory) => {
    if (directory === 'd') {
      opened.directories.locateDirectory = locate
      rmSync(join(root, 'a/new'), { recursive: true })
      renameSync(join(root, '../aside'), join(root, 'a/known'))
      for (const hint of hintsAt('a/new', 'a/known')) queue.hint(hint)
    }
    return locate(directory)
  }
  for (const path of ['a', 'd']) queue.hint({ path, extent: 'subtree' })
  let scans = 0
  bench.whenScanned = () => {
    scans += 1
  }
  await bench.until(() => scans > 0, 'nothing is scanned')
  await queue.idle()
  await bench.until(
    () => index.get('a/new') === null && index.get('a/known') !== null,
    'the index is not what is there',
  )
  assert.deepEqual([index.get('a/new/below')?.kind, index.get('a/known')?.kind], [undefined, 'file'])
})

test('a directory in which something came and went while it was scanned has its time', async () => {
  await using bench = new Bench(numbered(4_000))
  const { queue, index, opened, root } = bench
  await queue.scan([WHOLE_TREE])
  bench.write('a/new/file')
  utimesSync(join(root, 'a/new'), 1, 1)
  const locate = opened.directories.locateDirectory.bind(opened.directories)
  opened.directories.locateDirectory = (directory) => {
    if (directory === 'd') {
      opened.directories.locateDirectory = locate
      mkdirSync(join(root, 'a/new/visitor'))
      rmSync(join(root, 'a/new/visitor'), { recursive: true })
      for (const hint of hintsAt('a/new/visitor')) queue.hint(hint)
    }
    return locate(directory)
  }
  for (const path of ['a', 'd']) queue.hint({ path, extent: 'subtree' })
  await bench.until(() => index.get('a/new/file') !== null, 'nothing is scanned')
  await queue.idle()
  assert.notEqual(index.get('a/new')?.mtime, 1_000_000)
})

test('a directory that is gone when it should be listed, and is there again, has its content in the index', async () => {
  await using bench = new Bench([...numbered(20), 'a/known'])
  const { queue, index, opened, root } = bench
  await queue.scan([WHOLE_TREE])
  bench.write('a/new/below/file')
  const locate = opened.directories.locateDirectory.bind(opened.directories)
  opened.directories.locateDirectory = (directory) => {
    if (directory === 'a/new') {
      opened.directories.locateDirectory = locate
      renameSync(join(root, 'a/new'), join(root, '../aside'))
    }
    return locate(directory)
  }
  await queue.scan([{ path: 'a/new', extent: 'entry' }])
  renameSync(join(root, '../aside'), join(root, 'a/new'))
  queue.hint({ path: 'a/new', extent: 'entry' })
  await bench.until(() => index.get('a/new/below/file') !== null, 'its content is never found')
})

test('one scan serves all orders that wait for it', async () => {
  await using bench = new Bench(numbered(10))
  const { queue, reports } = bench
  await Promise.all(Array.from({ length: 6 }, () => queue.rescan([WHOLE_TREE])))
  assert.ok(reports.filter((report) => report === 'scanned').length <= 2, reports.join())
})

test('a scan amid trouble of the process does not pass, and is made again until all is read', async () => {
  await using bench = new Bench(numbered(3))
  const { queue, reports, index, opened } = bench
  const locate = opened.directories.locateDirectory.bind(opened.directories)
  opened.directories.locateDirectory = (directory) => {
    if (directory === 'd') throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' })
    return locate(directory)
  }
  await assert.rejects(queue.rescan([WHOLE_TREE]), { name: 'Refusal' })
  assert.ok(!reports.includes('passed'))
  assert.equal(index.get('d/f1'), null)
  opened.directories.locateDirectory = locate
  await bench.until(() => reports.includes('passed'), 'the tree is never scanned again')
  assert.notEqual(index.get('d/f1'), null)
})

test('many suspects are read in the background, and those that have other bytes are recorded', async () => {
  const names = numbered(30)
  await using bench = new Bench(names)
  const { queue, index, root } = bench
  for (const name of names) writeFileSync(join(root, name), Buffer.alloc(100_000, name))
  await queue.scan([WHOLE_TREE])
  const digests = names.map((path) => ({
    path,
    content: index.get(path)?.content ?? 0,
    digest: digestOf(readFileSync(join(root, path))),
  }))
  index.learnDigests(digests)
  const { mtime } = lstatSync(join(root, 'd/f29'))
  writeFileSync(join(root, 'd/f29'), Buffer.alloc(100_000, 'other'))
  utimesSync(join(root, 'd/f29'), mtime, mtime)
  for (const name of names) chmodSync(join(root, name), 0o600)
  await delay(20)
  await queue.scan(hintsAt(...names))
  const isSettled = () =>
    names.every((name) => (index.get(name)?.ctime ?? 0) >= lstatSync(join(root, name)).ctimeMs * 1_000 - 1)
  await bench.until(isSettled, 'suspects are never settled')
  await queue.idle()
  for (const { path, content } of digests) {
    assert.equal(index.get(path)?.mode, 0o600, path)
    assert.equal(index.get(path)?.content === content, path !== 'd/f29', path)
  }
})

test('what moved into a directory that is new is found by the look that follows', async () => {
  const names = numbered(20)
  await using bench = new Bench([...names, 'file', 'tree/file'])
  const { queue, index } = bench
  await queue.scan([WHOLE_TREE])
  const hints = bench.remove(...names.slice(0, 8))
  mkdirSync(join(bench.root, 'new/deep'), { recursive: true })
  renameSync(join(bench.root, 'file'), join(bench.root, 'new/deep/file'))
  renameSync(join(bench.root, 'tree'), join(bench.root, 'new/deep/tree'))
  // Nothing tells of what is in `new` but `new` itself: its watch began with the look at it.
  await queue.scan([...hints, ...hintsAt('file', 'tree', 'new')])
  assert.notEqual(index.get('d/f0'), null, 'not recorded yet')
  await bench.until(() => index.get('d/f0') === null, 'deletions are never looked at again')
  for (const path of ['new', 'new/deep', 'new/deep/file', 'new/deep/tree', 'new/deep/tree/file'])
    assert.notEqual(index.get(path), null, path)
})

test('entries that wait in a directory which does not are found at the next look', async () => {
  const names = numbered(100)
  await using bench = new Bench([...names, 'old/a', 'old/deep/b'])
  const { queue, index } = bench
  await queue.scan([WHOLE_TREE])
  const hints = bench.remove(...names.slice(0, 20))
  renameSync(join(bench.root, 'old'), join(bench.root, 'new'))
  // There is another directory of the old name, so the moved one is no half of a move, but its entries are.
  mkdirSync(join(bench.root, 'old'))
  bench.write('new/c')
  await queue.scan([...hints, ...hintsAt('old', 'new')])
  assert.equal(index.get('new/a'), null, 'a half of a move')
  await bench.until(() => index.get('d/f0') === null, 'deletions are never looked at again')
  for (const path of ['new/a', 'new/c', 'new/deep', 'new/deep/b']) assert.notEqual(index.get(path), null, path)
})

test('a look at all ends when the bytes of large suspects are known too', async () => {
  await using bench = new Bench(['large'])
  const { queue, index, root } = bench
  const path = join(root, 'large')
  const write = (letter: string) => writeFileSync(path, letter.repeat(3 * 1024 * 1024))
  write('a')
  await queue.lookAtAll()
  const content = index.get('large')?.content ?? 0
  index.learnDigests([{ path: 'large', content, digest: digestOf(readFileSync(path)) }])
  const { head } = index
  const { atime, mtime } = lstatSync(path)
  write('b')
  utimesSync(path, atime, mtime)
  await queue.lookAtAll()
  assert.equal(index.digest(index.get('large')?.content ?? 0), digestOf(readFileSync(path)))
  assert.equal(index.head, head + 1)
})

test('what was read of a halted root, and could not be recorded, is read again when the halt is over', async () => {
  await using bench = new Bench(['large'])
  const { queue, index, root } = bench
  const path = join(root, 'large')
  writeFileSync(path, 'a'.repeat(3 * 1024 * 1024))
  await bench.until(() => Date.now() - lstatSync(path).ctimeMs > RACY_MS, 'the clock stands still')
  await queue.lookAtAll()
  const { head } = index
  // As if other bytes had been sent: only a look at the bytes can tell.
  index.learnDigests([{ path: 'large', content: index.get('large')?.content ?? 0, digest: digestOf(Buffer.from('b')) }])
  bench.mode = 'halted'
  await queue.readAgain(ROOT_PATH)
  assert.equal(index.head, head, 'nothing of a halted root is recorded')
  bench.mode = 'judged'
  await queue.lookAtAll()
  assert.equal(index.digest(index.get('large')?.content ?? 0), digestOf(readFileSync(path)))
  assert.equal(index.head, head + 1)
})

test('a directory that can be read again is listed when something tells of it, and not at the next whole scan only', async () => {
  await using bench = new Bench(numbered(3))
  const { queue, index, opened } = bench
  const locate = opened.directories.locateDirectory.bind(opened.directories)
  opened.directories.locateDirectory = (path) => {
    if (path === 'd') throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' })
    return locate(path)
  }
  const problems: string[] = []
  bench.whenProblem = ({ path, code }) => problems.push(`${path} ${code}`)
  await queue.scan([WHOLE_TREE])
  assert.deepEqual(problems, ['d unreadable'])
  assert.deepEqual([index.get('d')?.kind, index.get('d/f1')], ['directory', null])
  opened.directories.locateDirectory = locate
  await queue.scan(hintsAt('d'))
  assert.notEqual(index.get('d/f1'), null)
})
