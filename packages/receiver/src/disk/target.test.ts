/** What is refused at the start, and how a root is taken over: lock, owners, place of staging. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Failure } from '@rootferry/host/machine'
import { directory, Feed, file, Scratch, treeOf } from '../../test-support/test-feed.ts'
import { resync } from '../../test-support/test-resync.ts'

function failure(exitCode: number, pattern: RegExp) {
  return (error: unknown) =>
    error instanceof Failure && error.exitCode === exitCode && pattern.test(error.message) && !/\n/.test(error.message)
}

test('the file system root, a state directory inside the target, and a target inside it, are refused', async () => {
  using scratch = new Scratch()
  symlinkSync('/', scratch.at('slash'))
  const open = (path: string, stateDir: string) => new Feed(scratch).open({ path, stateDir })
  const state = scratch.at('state')
  await assert.rejects(open('/', state), failure(78, /root of the file system/))
  await assert.rejects(open(scratch.at('slash'), state), failure(78, /root of the file system/))
  await assert.rejects(open(scratch.at('t'), scratch.at('t/state')), failure(78, /lies inside the target/))
  await assert.rejects(open(scratch.at('t'), scratch.at('t')), failure(78, /lies inside the target/))
  await assert.rejects(open(scratch.at('state/t'), state), failure(78, /inside its own state directory/))
  writeFileSync(scratch.at('file'), '')
  await assert.rejects(open(scratch.at('file'), state), failure(1, /is not a directory/))
  await assert.rejects(open(scratch.at('file/below'), state), failure(1, /is not a directory/))
})

test('a neighbour whose name begins alike is not part of the target', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open({ path: scratch.at('www'), stateDir: scratch.at('www-state') })
  assert.equal(feed.disk.hello().target, 'empty')
})

test('two receivers on one root: the second is refused, also through a symlink, until the first has ended', async () => {
  using scratch = new Scratch()
  const first = await new Feed(scratch).open()
  symlinkSync('target', scratch.at('link'))
  const other = { stateDir: scratch.at('other'), path: scratch.at('link') }
  await assert.rejects(new Feed(scratch).open(other), failure(1, /served by another rootferry daemon/))
  await first.close()
  await using second = await new Feed(scratch).open(other)
  second.connect()
  await second.commit([file('a', '1')])
  assert.equal(readFileSync(scratch.at('target/a'), 'utf8'), '1')
  assert.ok(lstatSync(scratch.at('link')).isSymbolicLink())
})

test('a missing target is made with mode 0755, the state directory with 0700', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open({ path: scratch.at('deep/target') })
  assert.equal(feed.disk.hello().target, 'empty')
  assert.equal(lstatSync(scratch.at('state')).mode & 0o777, 0o700)
  assert.equal(lstatSync(scratch.at('state/staging')).mode & 0o777, 0o700)
  const mask = Number.parseInt(execFileSync('sh', ['-c', 'umask']).toString(), 8)
  assert.equal(lstatSync(scratch.at('deep/target')).mode & 0o777, 0o755 & ~mask)
})

test('another filesystem at the same place is another target, though its top directory has the same number', async (t) => {
  using scratch = new Scratch()
  const target = scratch.at('target')
  mkdirSync(target)
  const mount = () => {
    const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', target]).status === 0
    // A directory whose birth and last change are of one tick of the kernel's clock does not say when it was born.
    const isOfOneTick = () => lstatSync(target).birthtimeMs === lstatSync(target).ctimeMs
    while (isMounted && isOfOneTick()) rmdirSync(mkdtempSync(join(target, 'tick-')))
    return isMounted
  }
  const unmount = () => spawnSync('umount', ['-l', target])
  if (!mount()) return t.skip('nothing can be mounted here')
  using _mounted = { [Symbol.dispose]: unmount }
  for (const content of ['1', '2']) {
    await using feed = await new Feed(scratch).open()
    assert.equal(feed.disk.hello().sequence, Number(content) - 1, 'a restart on the same filesystem')
    feed.connect()
    await feed.commit([file('a', content)])
  }
  const inode = lstatSync(target).ino
  unmount()
  assert.ok(mount())
  writeFileSync(scratch.at('target/own.txt'), 'of another filesystem')
  assert.equal(lstatSync(target).ino, inode)
  await using feed = await new Feed(scratch).open()
  const { epoch, target: state } = feed.disk.hello()
  assert.deepEqual({ epoch, state }, { epoch: null, state: 'populated' }, 'it is compared before anything is touched')
})

test('on a file system of its own the target is staged inside, hidden, and looks untouched when nothing happens', async () => {
  using scratch = new Scratch()
  mkdirSync(scratch.at('target'))
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', scratch.at('target')]).status === 0
  if (!mounted) {
    // On one file system nothing is ever made inside the root; the work area's own test covers that case.
    await using feed = await new Feed(scratch).open()
    assert.deepEqual(readdirSync(feed.target), [])
    assert.ok(existsSync(scratch.at('state/staging')))
    return
  }
  try {
    writeFileSync(scratch.at('elsewhere'), 'precious')
    await using feed = await new Feed(scratch).open()
    feed.connect()
    await feed.commit([directory('.', { mtime: 1_500_000_000_123_456 }), directory('d'), file('d/a', '1')])
    const before = treeOf(feed.target)
    assert.deepEqual(readdirSync(feed.target), ['d'])
    await feed.commit([file('d/a', '2')])
    assert.equal(treeOf(feed.target)['.'], before['.'])
    // A symlink in place of the hidden directory leads nowhere.
    symlinkSync(scratch.path, scratch.at('target/.rootferry'))
    utimesSync(feed.target, 1_500_000_000.5, 1_500_000_000.5)
    await feed.commit([file('d/b', '3')])
    assert.deepEqual(readdirSync(scratch.path).sort(), ['elsewhere', 'state', 'target'])
    assert.deepEqual(readdirSync(feed.target), ['d'])
    assert.equal(lstatSync(feed.target).mtimeMs, 1_500_000_000_500)
    // A thrown-away object keeps the hidden directory there.
    mkdirSync(scratch.at('target/d/local'))
    await feed.commit([file('d', 'a file')].concat([{ change: { path: 'd/a', kind: 'absent' } }]))
    assert.deepEqual(readdirSync(feed.target).sort(), ['.rootferry', 'd'])
    assert.equal(lstatSync(scratch.at('target/.rootferry')).mode & 0o777, 0o700)
    assert.equal(lstatSync(feed.target).mtimeMs, 1_500_000_000_500)
    await feed.close()
    feed.events.length = 0
    await feed.open({ trash: { keepDays: 0, maxBytes: 0 } })
    await feed.seen('trash')
    assert.deepEqual(readdirSync(feed.target), ['d'])
    assert.equal(lstatSync(feed.target).mtimeMs, 1_500_000_000_500)
    assert.ok(existsSync(scratch.at('elsewhere')))
    await feed.close()
  } finally {
    execFileSync('umount', ['-l', scratch.at('target')])
  }
})

test('a bind mount of the same file system is noticed: a rename into it would fail', async () => {
  using scratch = new Scratch()
  mkdirSync(scratch.at('target'))
  const mounted = spawnSync('mount', ['--bind', scratch.at('target'), scratch.at('target')]).status === 0
  try {
    await using feed = await new Feed(scratch).open()
    feed.connect()
    await feed.commit([directory('new'), file('new/a', '1')])
    assert.deepEqual(feed.all('problem'), [])
    assert.deepEqual(readdirSync(feed.target), ['new'])
    assert.equal(existsSync(scratch.at('state/staging')), !mounted)
    await feed.close()
  } finally {
    if (mounted) execFileSync('umount', ['-l', scratch.at('target')])
  }
})

test('a target to which nothing but protected paths came was not emptied, over a restart too, until it held something', async () => {
  using scratch = new Scratch()
  const options = { protect: ['/keep/'] }
  await using feed = await new Feed(scratch).open(options)
  const comesAs = (sequence: number) => assert.equal(feed.connect({ head: 9 }).sequence, sequence)
  const commitProtected = async () => {
    await feed.commit([directory('.'), directory('keep')])
    await feed.commit([file('keep/large', 'x')])
  }
  const reopen = async () => {
    await feed.close()
    await feed.open(options)
  }
  comesAs(0)
  await commitProtected()
  comesAs(2)
  await reopen()
  comesAs(2)
  // An agent that knows its tombstones only from later on replays from the start to an empty target.
  feed.connect({ sequence: 0, head: 9 })
  await feed.commit([directory('.')])
  comesAs(1)
  await feed.commit([file('a', 'x')])
  await reopen()
  rmSync(scratch.at('target/a'))
  comesAs(0)
  await commitProtected()
  comesAs(2)
  await feed.commit([file('a', 'x')])
  rmSync(scratch.at('target/a'))
  await reopen()
  comesAs(0)
})

test('a target whose own content was adopted, and that was emptied before anything came, begins anew', async () => {
  using scratch = new Scratch()
  for (const name of ['source', 'target']) {
    mkdirSync(scratch.at(name))
    writeFileSync(scratch.at(name, 'a'), 'x')
    for (const path of ['a', '.']) utimesSync(scratch.at(name, path), 1, 1)
  }
  await using feed = await new Feed(scratch).open()
  assert.deepEqual((await resync(feed, scratch.at('source'))).wanted, [])
  assert.equal(feed.connect().sequence, 40)
  rmSync(scratch.at('target/a'))
  assert.equal(feed.connect().sequence, 0)
})
