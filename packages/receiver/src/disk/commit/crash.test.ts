/** Real processes, killed with SIGKILL right before a chosen call of a burst, and how the next one recovers. */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import {
  absent,
  directory,
  type Fed,
  Feed,
  file,
  MTIME,
  Scratch,
  symlink,
  treeOf,
} from '../../../test-support/test-feed.ts'
import { placingName } from '../files/placing-names.ts'

/** Enough for the burst to keep what it replaces and removes until it is over. */
const MANY = Array.from({ length: 40 }, (_, number) => `many/${number}`)
const BEFORE: Fed[] = [
  directory('many'),
  ...MANY.map((path) => file(path, path)),
  directory('.', { mtime: MTIME + 1 }),
  directory('kept', { mtime: MTIME + 2 }),
  file('kept/a', 'old a'),
  file('kept/b', 'old b'),
  directory('gone'),
  file('gone/x', 'x'),
  directory('swapped'),
  file('swapped/y', 'y'),
  file('plain', 'plain'),
  symlink('link', 'plain'),
]
const AFTER: Fed[] = [
  file('kept/a', 'new a', { mtime: MTIME + 10 }),
  file('kept/b', 'old b', { source: 'keep', mode: 0o600 }),
  absent('gone'),
  absent('gone/x'),
  absent('swapped/y'),
  file('swapped', 'a file now', { mtime: MTIME + 11 }),
  directory('plain', { mode: 0o700, mtime: MTIME + 12 }),
  file('plain/inside', 'moved', { mtime: MTIME + 13 }),
  directory('plain/new', { mtime: MTIME + 14 }),
  symlink('link', 'kept/a'),
  file('copied', 'x', { source: { copy: 'gone/x' } }),
  ...MANY.map((path, number) => (number % 2 === 0 ? absent(path) : file(path, `new ${path}`))),
]

/** Runs as a child: commits BEFORE, then AFTER, and dies at the given step of AFTER. */
async function child(path: string, dieAt: number): Promise<void> {
  const scratch = { path, at: (...names: string[]) => [path, ...names].join('/') } as Scratch
  let steps = Number.NEGATIVE_INFINITY
  const beforeStep = () => {
    steps += 1
    if (steps === dieAt) process.kill(process.pid, 'SIGKILL')
  }
  const feed = await new Feed(scratch).open({ bootId: 'boot' }, { delay: async () => undefined, beforeStep })
  feed.connect()
  await feed.commit(BEFORE)
  // A file that a web process left behind: it goes to the trash, whatever happens meanwhile.
  writeFileSync(scratch.at('target/swapped/local'), 'unknown')
  symlinkSync('nowhere', scratch.at('target/gone/local'))
  steps = -1
  await feed.commit(AFTER)
  process.send?.({ steps: steps + 1 })
  process.exit(0)
}

if (process.argv[2] === 'child') await child(process.argv[3] ?? '', Number(process.argv[4]))
else {
  const run = async (path: string, dieAt: number) => {
    const process_ = fork(import.meta.filename, ['child', path, String(dieAt)])
    let steps: number | null = null
    process_.on('message', (message: { steps: number }) => {
      steps = message.steps
    })
    const { promise, resolve } = Promise.withResolvers<void>()
    process_.on('exit', () => resolve())
    await promise
    return { steps, signal: process_.signalCode }
  }

  test('a burst that was killed on the way is finished by the next process, and only then claimed', async () => {
    using whole = new Scratch()
    const { steps } = await run(whole.path, -5)
    assert.ok(steps !== null && steps > 12, `the burst has ${steps} steps`)
    const expected = treeOf(whole.at('target'))
    const dieAndRecover = async (dieAt: number) => {
      using scratch = new Scratch()
      assert.equal((await run(scratch.path, dieAt)).signal, 'SIGKILL')
      await using feed = await new Feed(scratch).open({ bootId: 'boot' })
      assert.equal(feed.disk.hello().sequence, 2)
      assert.deepEqual(treeOf(feed.target), expected, `killed before step ${dieAt}`)
      assert.deepEqual(feed.all('problem'), [])
      assert.deepEqual(readdirSync(scratch.at('state/staging')), [])
      const trash = readdirSync(scratch.at('state/trash'), { recursive: true }).map(String)
      assert.ok(
        trash.some((name) => name.endsWith('swapped/local')),
        `killed before step ${dieAt}`,
      )
      assert.ok(
        trash.some((name) => name.endsWith('gone/local')),
        `killed before step ${dieAt}`,
      )
    }
    // The property test of the plan interrupts every single step; this test is real, and so takes a sample.
    const sample = Array.from({ length: 4 }, (_, index) => Math.round((index * (steps - 1)) / 3))
    for (const dieAt of sample.filter((_, index) => index % 2 === 0)) {
      const next = sample[sample.indexOf(dieAt) + 1] ?? dieAt
      await Promise.all([dieAndRecover(dieAt), dieAndRecover(next)])
    }
  })

  test('after a loss of power in the middle of a burst the replay from what was durable makes it right', async () => {
    using scratch = new Scratch()
    await run(scratch.path, 7)
    await using feed = await new Feed(scratch).open({ bootId: 'another boot' })
    const hello = feed.connect()
    assert.ok(hello.sequence < 2)
    assert.equal(hello.sequence, hello.durable)
    assert.deepEqual(hello.partials, [])
    assert.deepEqual(readdirSync(scratch.at('state/staging')), [])
  })

  test('what a forgotten burst has left beside a path goes when that comes again', async () => {
    using scratch = new Scratch()
    await run(scratch.path, -5)
    {
      using ledger = new DatabaseSync(scratch.at('state/ledger.sqlite'))
      ledger.exec('UPDATE state SET durable_term = term, durable_sequence = 1')
    }
    await using feed = await new Feed(scratch).open({ bootId: 'another boot' })
    assert.equal(feed.connect({ head: 2 }).sequence, 1)
    const left = placingName(scratch.at('target/kept/a'))
    writeFileSync(left, 'half')
    await feed.commit([file('kept/a', 'newer a')])
    assert.equal(existsSync(left), false)
  })

  test('a process killed while it staged leaves nothing visible, and its staging is cleaned', async () => {
    using scratch = new Scratch()
    {
      await using feed = await new Feed(scratch).open()
      feed.connect()
      await feed.commit([file('a', '1')])
    }
    await mkdir(scratch.at('state/staging/12'), { recursive: true })
    writeFileSync(scratch.at('state/staging/12/x'), 'stale')
    writeFileSync(scratch.at('state/staging/7'), 'stale')
    await using feed = await new Feed(scratch).open()
    assert.deepEqual(readdirSync(scratch.at('state/staging')), [])
    assert.equal(feed.connect().sequence, 1)
    await feed.commit([file('b', '2')])
    assert.equal(readFileSync(scratch.at('target/b'), 'utf8'), '2')
  })
}
