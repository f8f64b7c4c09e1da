/**
 * A receiver amid a copy that takes long: it says how far it is, ends within seconds when it is told to, also while it
 * finishes what an earlier process had begun, and loses nothing.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Mounts } from '../support/mounts.ts'
import { ownMounts } from '../support/own-mounts.ts'
import { orderResync } from '../support/resync-orders.ts'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'
import { slowRunner, straceIsMissing } from './strace.ts'

const daemons = sharedDaemons(1)

const MEGABYTES = 80
/** Each call reads 1 MiB of what is copied. */
const CALL_MS = 100
const MOST_STOP_MS = 5_000

interface Story {
  /** Before anything starts. */
  prepare(mounts: Mounts, source: string, target: string): void
  /** Has the receiver begin the copy. */
  begin(site: Site): Promise<void> | void
  /** What the end must look like. */
  check?(site: Site): void
  /** Whether only this process needs the copy: the next one is told anew. */
  isForgotten?: boolean
}

const BIG = randomBytes(MEGABYTES * 1024 * 1024)
const OLD = Buffer.alloc(BIG.byteLength, 'of this host ')

const STORIES: Record<string, Story> = {
  'a large file is placed on another filesystem': {
    prepare: (mounts, source, target) => {
      put(join(source, 'media/a.jpg'), 'a')
      mounts.tmpfs(join(target, 'media'), 'size=1g')
    },
    begin: ({ source }) => put(join(source, 'media/big'), BIG),
  },
  'a large file is copied within the target': {
    prepare: (mounts, source, target) => {
      put(join(source, 'big'), BIG)
      mounts.tmpfs(target, 'size=1g')
    },
    begin: ({ source }) => copyFileSync(join(source, 'big'), join(source, 'copy')),
    isForgotten: true,
  },
  'a large file is kept in the trash on another filesystem': {
    prepare: (mounts, source, target) => {
      put(join(source, 'media/big'), 'small now')
      mounts.tmpfs(join(target, 'media'), 'size=1g')
    },
    begin: async (site) => {
      const file = join(site.targets[0] ?? '', 'media/big')
      put(file, OLD)
      utimesSync(file, 1_000_000_000, 1_000_000_000)
      await orderResync(daemons)
    },
    check: (site) => assert.ok(wholeInTrash(site) >= 1, 'a whole copy is in the trash'),
  },
}

function put(file: string, content: string | Buffer): void {
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, content)
}

function wholeInTrash(site: Site): number {
  const trash = site.receiverState(0, 'trash')
  const files = readdirSync(trash, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('media/big'))
  return files.filter((name) => readFileSync(join(trash, name)).equals(OLD)).length
}

/** Bytes that the receiver says that it has copied. */
async function copied(): Promise<number> {
  return (await daemons.receiverRoots(0))[0]?.copied ?? 0
}

/** Resolves when it has copied, and copies more, unless it has copied all by then. */
async function goesOn(): Promise<void> {
  const described = async () => JSON.stringify(await daemons.receiverRoots(0)).slice(0, 2_000)
  const first = await until(async () => (await copied()) > 0 && (await copied()), described)
  await until(async () => (await copied()) > first || first >= BIG.byteLength, described)
}

async function stopsInTime(): Promise<void> {
  const [receiver] = daemons.receivers
  assert.ok(receiver)
  const began = performance.now()
  await receiver.stop()
  assert.match(await receiver.ended, /exit code 0/)
  assert.ok(performance.now() - began < MOST_STOP_MS, `it took ${performance.now() - began} ms`)
}

async function startSlowly(): Promise<void> {
  const runner = slowRunner(join(daemons.place, 'runner'), join(daemons.place, 'calls.log'), 'pread64', CALL_MS)
  await daemons.startReceiver(0, runner)
}

async function tell(story: Story): Promise<void> {
  using mounts = new Mounts()
  const site = await Site.on(daemons, { prepare: (source, [target = '']) => story.prepare(mounts, source, target) })
  await site.inSync()
  await daemons.receivers[0]?.stop()
  await startSlowly()
  await site.inSync()
  await story.begin(site)
  await goesOn()
  await stopsInTime()
  if (story.isForgotten !== true) {
    // The next process finishes it, and is told to stop too.
    await startSlowly()
    await goesOn()
    await stopsInTime()
  }
  await daemons.startReceiver(0)
  await site.converged(60_000, (path) => path === '.rootferry' || path.startsWith('.rootferry/'))
  const left = readdirSync(site.targets[0] ?? '', { recursive: true, encoding: 'utf8' })
  assert.deepEqual(
    left.filter((name) => name.includes('.rootferry-')),
    [],
  )
  story.check?.(site)
}

const inside = ownMounts(import.meta.url)
if (inside.isInside) {
  for (const [what, story] of Object.entries(STORIES)) {
    test(`a receiver that is told to stop while ${what}`, async (t) => {
      const missing = straceIsMissing()
      if (missing !== null) return t.skip(missing)
      await tell(story)
    })
  }
} else {
  test('copies that take long, in a mount namespace of their own', (t) => {
    const outcome = inside.run()
    if (outcome === null) return t.skip('nothing can be mounted here')
    assert.equal(outcome.failure, '')
  })
}
