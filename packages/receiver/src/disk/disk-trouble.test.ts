/**
 * Disks that are full, read-only or gone for a while: real ones where this process may mount, otherwise simulated by
 * what it may break.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { absent, directory, Feed, file, Scratch, segmentOf, treeOf, until } from '../../test-support/test-feed.ts'

/** A retry happens when the test wants it. */
class Retries {
  #waiting: (() => void) | null = null
  count = 0

  readonly delay = (_ms: number, signal: AbortSignal): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => reject(signal.reason))
    this.count += 1
    this.#waiting = resolve
    return promise
  }

  now(): void {
    this.#waiting?.()
  }
}

/** A small filesystem of its own, or null when this process may not mount one. */
function mountSmall(at: string): Disposable | null {
  mkdirSync(at)
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=755', 'tmpfs', at]).status !== 0) return null
  return { [Symbol.dispose]: () => void execFileSync('umount', ['-l', at]) }
}

/** Uses every block that is left. */
function fill(ballast: string): void {
  const block = Buffer.alloc(4096)
  try {
    for (;;) appendFileSync(ballast, block)
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
  }
}

test('staging that fails is tried again until it works, and the old files are there meanwhile', async () => {
  using scratch = new Scratch()
  const retries = new Retries()
  await using feed = await new Feed(scratch).open({}, { delay: retries.delay })
  feed.connect()
  await feed.commit([file('a', 'old')])
  renameSync(scratch.at('state/staging'), scratch.at('state/away'))
  writeFileSync(scratch.at('state/staging'), 'in the way')
  await feed.changeset([file('a', 'new'), file('b', 'new')])
  await feed.seen('failing', ({ error }) => error?.code === 'ENOTDIR')
  retries.now()
  await until(() => retries.count === 2, 'a second failure')
  assert.equal(readFileSync(scratch.at('target/a'), 'utf8'), 'old')
  assert.equal(feed.allSent('failing').length, 1)
  rmSync(scratch.at('state/staging'))
  renameSync(scratch.at('state/away'), scratch.at('state/staging'))
  retries.now()
  await until(() => feed.all('committed').length === 2, 'the commit')
  assert.deepEqual(
    feed.allSent('failing').map(({ error }) => error?.code ?? null),
    ['ENOTDIR', null],
  )
  assert.equal(readFileSync(scratch.at('target/b'), 'utf8'), 'new')
})

test('a full disk holds a changeset up, old files intact, until there is room; a commit on a read-only one as well', async () => {
  using scratch = new Scratch()
  using mounted = mountSmall(scratch.at('target'))
  const retries = new Retries()
  await using feed = await new Feed(scratch).open({}, { delay: retries.delay })
  feed.connect()
  await feed.commit([directory('.'), file('a', 'old')])
  if (mounted === null) {
    assert.deepEqual(readdirSync(feed.target), ['a'])
    return
  }
  // On a filesystem of its own the target is staged inside it, and looks untouched when nothing is in progress.
  assert.ok(readdirSync(scratch.at('state')).includes('ledger.sqlite'))
  assert.deepEqual(readdirSync(feed.target), ['a'])
  writeFileSync(scratch.at('target/ballast'), randomBytes(900_000))
  const big = randomBytes(300_000)
  await feed.changeset([file('a', big), directory('.')])
  const { error: full } = await feed.seen('failing', ({ error }) => error?.code === 'ENOSPC')
  assert.match(
    full?.message ?? '',
    /^(?!ENOSPC).*; the filesystem of \/(?!proc).*target.* has \d+\.\d MB free of \d+\.\d MB$/,
  )
  assert.equal(readFileSync(scratch.at('target/a'), 'utf8'), 'old')
  rmSync(scratch.at('target/ballast'))
  retries.now()
  await until(() => feed.all('committed').length === 2, 'the commit')
  assert.deepEqual(readFileSync(scratch.at('target/a')), big)
  const before = treeOf(feed.target)
  // The commit is still being made durable, perhaps: what is open for that keeps the mount busy.
  await until(() => spawnSync('mount', ['-o', 'remount,ro', feed.target]).status === 0, 'the mount to be idle')
  await feed.changeset([file('c', 'c'), directory('.')])
  await feed.seen('failing', ({ error }) => error?.code === 'EROFS')
  assert.deepEqual(treeOf(feed.target), before)
  execFileSync('mount', ['-o', 'remount,rw', feed.target])
  retries.now()
  await until(() => feed.all('committed').length === 3, 'the commit')
  assert.deepEqual(readdirSync(feed.target).sort(), ['a', 'c'])
})

test('a target that was emptied is greeted as empty also when the ledger cannot be written, and committed to later', async () => {
  using scratch = new Scratch()
  using mounted = mountSmall(scratch.at('state'))
  const retries = new Retries()
  await using feed = await new Feed(scratch).open({}, { delay: retries.delay })
  feed.connect()
  await feed.commit([file('a', '1')])
  await feed.commit([file('b', '2')])
  assert.equal(feed.disk.hello().sequence, 2)
  for (const name of readdirSync(feed.target)) rmSync(join(feed.target, name))
  if (mounted !== null) fill(scratch.at('state/ballast'))
  const { epoch, sequence, target } = feed.connect()
  assert.deepEqual([epoch, sequence, target], [null, 0, 'empty'])
  if (mounted !== null) {
    await feed.seen('failing', ({ error }) => error !== null)
    // The next connection finds it in the same state.
    assert.deepEqual(feed.connect(), { epoch, sequence, target, term: null, durable: 0, partials: [], prepared: null })
    await until(() => retries.count === 2, 'a second failure')
    rmSync(scratch.at('state/ballast'))
    retries.now()
  }
  await feed.commit([file('a', 'again')])
  await feed.close()
  await feed.open()
  assert.equal(feed.disk.hello().sequence, 1)
  assert.deepEqual(readdirSync(feed.target), ['a'])
})

test('a burst that the disk interrupts is finished by a retry, or by the next process', async () => {
  for (const restarts of [false, true]) {
    using scratch = new Scratch()
    const retries = new Retries()
    let isFull = true
    const beforeStep = (step: string, path: string) => {
      const full = { code: 'ENOSPC', syscall: 'rename' }
      if (isFull && step === 'place' && path === 'b') throw Object.assign(new Error('ENOSPC'), full)
    }
    await using feed = await new Feed(scratch).open({}, { delay: retries.delay, beforeStep })
    feed.connect()
    utimesSync(feed.target, 1_500_000_000, 1_500_000_000)
    await feed.changeset([file('a', '1'), file('b', '2'), file('c', '3')])
    await feed.seen('failing')
    assert.deepEqual(readdirSync(feed.target), ['a'])
    assert.deepEqual(feed.allSent('committed'), [])
    if (restarts) {
      await feed.close()
      assert.deepEqual(readdirSync(feed.target), ['a'])
      await feed.open()
      assert.equal(feed.disk.hello().sequence, 1)
    } else {
      // The connection may end meanwhile: a burst that has begun is carried through.
      feed.disk.disconnected()
      isFull = false
      retries.now()
      await feed.seen('committed')
    }
    assert.deepEqual(readdirSync(feed.target).sort(), ['a', 'b', 'c'])
    assert.equal(lstatSync(feed.target).mtimeMs, 1_500_000_000_000)
    assert.deepEqual(readdirSync(scratch.at('state/staging')), [])
  }
})

test('a connection that ends while staging waits for the disk drops its changeset', async () => {
  using scratch = new Scratch()
  const retries = new Retries()
  await using feed = await new Feed(scratch).open({}, { delay: retries.delay })
  feed.connect()
  renameSync(scratch.at('state/staging'), scratch.at('state/away'))
  writeFileSync(scratch.at('state/staging'), 'no directory')
  await feed.changeset([file('a', 'new')])
  await feed.seen('failing', ({ error }) => error?.code === 'ENOTDIR')
  rmSync(scratch.at('state/staging'))
  renameSync(scratch.at('state/away'), scratch.at('state/staging'))
  feed.disk.disconnected()
  await feed.seen('failing', ({ error }) => error === null)
  assert.deepEqual(readdirSync(feed.target), [])
  feed.connect()
  await feed.commit([file('a', 'newer')])
  assert.equal(readFileSync(scratch.at('target/a'), 'utf8'), 'newer')
})

test('a file that does not fit is a problem of its path, with numbers; nothing else waits for it, and it comes when there is room', async () => {
  using scratch = new Scratch()
  using mounted = mountSmall(scratch.at('target'))
  if (mounted === null) return
  const retries = new Retries()
  await using feed = await new Feed(scratch).open({ minFreePercent: 10 }, { delay: retries.delay })
  feed.connect()
  await feed.commit([directory('.'), file('old', 'old')])
  writeFileSync(scratch.at('target/ballast'), randomBytes(600_000))
  const big = randomBytes(400_000)
  await feed.changeset([file('big', big), file('small', 'small'), absent('old'), directory('.')])
  for (let failures = 1; failures <= 5; failures += 1) {
    await until(() => retries.count === failures, `failure ${failures}`)
    retries.now()
  }
  await until(() => feed.all('committed').length === 2, 'the commit of everything else')
  assert.deepEqual(readdirSync(feed.target).sort(), ['ballast', 'small'])
  const problem = await feed.seen('problem', ({ path }) => path === 'big')
  assert.match(problem.message, /needs 0\.4 MB, 0\.\d MB are free, 0\.1 MB \(10 %\) are kept free/)
  assert.equal(feed.all('failing').at(-1)?.error, null)
  // Asked for again, it is not even sent as long as there is no room.
  await feed.close()
  feed.sent.length = 0
  await feed.open({ minFreePercent: 10 }, { delay: retries.delay })
  rmSync(scratch.at('target/ballast'))
  feed.connect()
  const { request } = await feed.told('want')
  await feed.changeset([file('big', big)], { request })
  await until(() => existsSync(scratch.at('target/big')), 'the file')
  assert.deepEqual(readFileSync(scratch.at('target/big')), big)
})

test('a release that does not fit is said to fail at each prepare, so that others need not wait, until it is committed', async () => {
  using scratch = new Scratch()
  using mounted = mountSmall(scratch.at('target'))
  if (mounted === null) return
  const retries = new Retries()
  await using feed = await new Feed(scratch).open({ minFreePercent: 10 }, { delay: retries.delay })
  feed.connect({ head: 2 })
  await feed.commit([directory('.'), file('old', 'old')])
  writeFileSync(scratch.at('target/ballast'), randomBytes(600_000))
  feed.begin(2, 1, 2)
  feed.segment(await segmentOf([file('big', randomBytes(400_000)), file('small', 'small')], { to: 2 }))
  feed.text({ type: 'prepare', to: 2, doubtMs: 6_000 })
  for (let failures = 1; failures <= 5; failures += 1) {
    await until(() => retries.count === failures, `failure ${failures}`)
    retries.now()
  }
  const lacking = () => feed.allSent('failing').filter(({ error }) => error?.message.endsWith('kept free'))
  await until(() => lacking().length === 1, 'the word that it does not fit')
  feed.text({ type: 'prepare', to: 2, doubtMs: 6_000 })
  await until(() => lacking().length === 2, 'the same again')
  assert.deepEqual(feed.allSent('staged'), [])
  assert.equal(existsSync(scratch.at('target/small')), false)
  feed.text({ type: 'leave', to: 2 })
  feed.text({ type: 'commit', to: 2 })
  await feed.seen('committed', ({ sequence }) => sequence === 2)
  assert.deepEqual(readdirSync(feed.target).sort(), ['ballast', 'old', 'small'])
  assert.equal(feed.allSent('failing').at(-1)?.error, null)
})

test('an owner whose quota is used up is a problem of the file that it is given, and holds up nothing else', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open(
    {},
    {
      delay: () => new Promise(() => undefined),
      beforeStep: (step, path) => {
        const refused = { code: 'EDQUOT', syscall: 'chown' }
        if (step === 'attributes' && path === 'given') throw Object.assign(new Error('EDQUOT'), refused)
      },
    },
  )
  feed.connect()
  await feed.commit([file('given', '1'), file('other', '2')])
  await feed.commit([
    file('given', '1', { mode: 0o600, source: 'keep' }),
    file('other', '2', { mode: 0o600, source: 'keep' }),
  ])
  assert.deepEqual(
    feed.all('problem').map(({ path, code }) => `${path} ${code}`),
    ['given EDQUOT'],
  )
  assert.deepEqual(feed.all('failing'), [])
  assert.equal(lstatSync(scratch.at('target/other')).mode & 0o777, 0o600)
})
