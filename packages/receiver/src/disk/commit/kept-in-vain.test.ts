/** What cannot be replaced or removed is tried again and again: no disk is filled with copies, and no content is sent in vain. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { absent, directory, type Fed, Feed, file, Scratch, until } from '../../../test-support/test-feed.ts'

const ATTEMPTS = 3
/** Than what is there, in microseconds. */
const LATER = 1_800_000_000_000_000

const run = (command: string, ...words: string[]) => spawnSync(command, words).status === 0

/** The names in all batches. */
function kept(scratch: Scratch): string[] {
  const trash = scratch.at('state/trash')
  return existsSync(trash) ? readdirSync(trash, { recursive: true }).map(String) : []
}

/** A filesystem of its own, until the test is over. */
function mounted(place: string, options: string): Disposable & { isThere: boolean } {
  const isThere = run('mount', '-t', 'tmpfs', '-o', options, 'tmpfs', place)
  return { isThere, [Symbol.dispose]: () => void run('umount', '-l', place) }
}

/** Each new connection asks for what is owed. */
async function answered(feed: Feed, ...fed: Fed[]): Promise<void> {
  const asked = feed.allSent('want').length
  const repaired = feed.allSent('repaired').length
  feed.connect()
  await until(() => feed.allSent('want').length > asked, 'a want')
  await feed.changeset(fed, { request: feed.allSent('want').at(-1)?.request ?? 0 })
  await until(() => feed.allSent('repaired').length > repaired, 'an answer')
}

test('a file that may not be changed is kept when it is replaced at last, and not before', async (t) => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  await feed.commit([file('deep/a', 'of this host')])
  if (!run('chattr', '+i', scratch.at('target/deep/a'))) return t.skip('no file can be made immutable here')
  const newer = file('deep/a', 'newer')
  await feed.commit([newer])
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) await answered(feed, newer)
  run('chattr', '-i', scratch.at('target/deep/a'))
  assert.equal(readFileSync(scratch.at('target/deep/a'), 'utf8'), 'of this host')
  assert.deepEqual(kept(scratch), [])
  await answered(feed, newer)
  assert.equal(readFileSync(scratch.at('target/deep/a'), 'utf8'), 'newer')
  assert.equal(kept(scratch).filter((name) => name.endsWith('/deep/a')).length, 1)
})

test('a volume without room says so with numbers, is not filled, and gets the file when there is room', async (t) => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open({ minFreePercent: 10 })
  feed.connect()
  await feed.commit([directory('media')])
  using volume = mounted(scratch.at('target/media'), 'size=300k')
  if (!volume.isThere) return t.skip('nothing can be mounted here')
  await feed.commit([file('media/a', Buffer.alloc(100_000, 1)), file('media/b', 'b')])
  const larger = file('media/a', Buffer.alloc(180_000, 2), { mtime: LATER })
  await feed.commit([larger, file('media/c', 'c')])
  const [problem, ...others] = feed.all('problem')
  assert.deepEqual(others, [])
  assert.equal(problem?.path, 'media/a')
  assert.match(
    problem.message,
    /^needs 0\.2 MB on what is mounted at media, 0\.2 MB are free, 0\.0 MB \(10 %\) are kept free$/,
  )
  assert.equal(readFileSync(scratch.at('target/media/a'))[0], 1)
  assert.deepEqual(readdirSync(scratch.at('target/media')), ['a', 'b', 'c'])
  feed.connect()
  await feed.commit([file('d', 'd')])
  assert.deepEqual(feed.allSent('want'), [], 'it is not sent again before there is room')
  assert.ok(run('mount', '-o', 'remount,size=1m', scratch.at('target/media')))
  await answered(feed, larger)
  assert.equal(readFileSync(scratch.at('target/media/a'))[0], 2)
})

test('of a volume that is read-only nothing is copied again and again', async (t) => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  await feed.commit([directory('media')])
  using volume = mounted(scratch.at('target/media'), 'size=1m')
  if (!volume.isThere) return t.skip('nothing can be mounted here')
  await feed.commit([file('media/a', 'a'), file('media/b', 'b')])
  assert.ok(run('mount', '-o', 'remount,ro', scratch.at('target/media')))
  const newer = file('media/b', 'newer')
  await feed.commit([absent('media/a'), newer])
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) await answered(feed, newer, absent('media/a'))
  assert.deepEqual(readdirSync(scratch.at('target/media')), ['a', 'b'])
  assert.deepEqual(kept(scratch), [])
})
