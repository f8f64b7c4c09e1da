/**
 * A filesystem below the source that goes away deletes nothing: the root halts, names it, and continues when it is
 * back.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Mounts } from '../support/mounts.ts'
import { resync } from '../support/resync-orders.ts'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'

const NO_MOUNTS = 'nothing can be mounted here'
const FILES = 200

/** A source with a volume at pub/media, which holds fewer entries than the guard would halt for. */
async function shopWithVolume(mounts: Mounts): Promise<{ rig: Rig; media: string; volume: string }> {
  const rig = await Rig.start({
    receivers: 1,
    prepare: (source) => {
      const volume = mounts.tmpfs(`${source}.volume`)
      mkdirSync(join(source, 'app'))
      for (let file = 0; file < FILES; file += 1) {
        writeFileSync(join(source, 'app', `${file}.php`), `code ${file}`)
        if (file % 4 === 0) writeFileSync(join(volume, `${file}.jpg`), `picture ${file}`)
      }
      mounts.bind(volume, join(source, 'pub/media'))
    },
  })
  return { rig, media: join(rig.source, 'pub/media'), volume: `${rig.source}.volume` }
}

const root = async (rig: Rig) => (await rig.status()).roots[0]

async function halted(rig: Rig, why = /^pub\/media: .*missing/): Promise<void> {
  await until(
    async () => (await root(rig))?.state === 'halted' && why.test((await root(rig))?.reason ?? ''),
    async () => JSON.stringify(await root(rig)),
  )
}

const picture = (rig: Rig) => readFileSync(join(rig.targets[0] ?? '', 'pub/media/4.jpg'), 'utf8')

test('a volume that is unmounted under a running agent, and another one in its place', async (t) => {
  if (!Mounts.isAllowed()) return t.skip(NO_MOUNTS)
  const mounts = new Mounts()
  const { rig, media, volume } = await shopWithVolume(mounts)
  await using _rig = rig
  using _mounted = mounts
  await rig.converged()
  mounts.unmount(media)
  writeFileSync(join(rig.source, 'app/0.php'), 'changed meanwhile')
  await halted(rig)
  assert.equal(picture(rig), 'picture 4')
  mounts.bind(mounts.tmpfs(`${volume}.other`), media)
  // A halted root is looked at when something changes.
  writeFileSync(join(rig.source, 'app/1.php'), 'changed meanwhile')
  await halted(rig, /^pub\/media: another filesystem \(tmpfs\)/)
  assert.equal(picture(rig), 'picture 4')
  // Somebody puts it back, file by file.
  writeFileSync(join(media, '0.jpg'), 'picture 0')
  await halted(rig, /^not back yet: /)
  assert.equal(picture(rig), 'picture 4')
  mounts.unmount(media)
  mounts.bind(volume, media)
  await rig.converged()
})

test('a volume that is not mounted yet when the agent starts, and one that an operator gives up', async (t) => {
  if (!Mounts.isAllowed()) return t.skip(NO_MOUNTS)
  const mounts = new Mounts()
  const { rig, media, volume } = await shopWithVolume(mounts)
  await using _rig = rig
  using _mounted = mounts
  await rig.converged()
  await rig.killAgent()
  mounts.unmount(media)
  await rig.startAgent()
  await halted(rig)
  assert.equal(picture(rig), 'picture 4')
  mounts.bind(volume, media)
  await rig.converged()
  mounts.unmount(media)
  await halted(rig)
  assert.equal(await rig.site.acceptGuard(), 200)
  await rig.converged()
})

test('a volume that is mounted under a running agent comes with what it holds, and what is written on it later', async (t) => {
  if (!Mounts.isAllowed()) return t.skip(NO_MOUNTS)
  const mounts = new Mounts()
  await using rig = await Rig.start({
    receivers: 1,
    prepare: (source) => {
      mkdirSync(join(source, 'pub/media'), { recursive: true })
      writeFileSync(join(source, 'a.php'), 'a')
    },
  })
  using _mounted = mounts
  await rig.converged()
  const volume = mounts.tmpfs(`${rig.source}.volume`)
  writeFileSync(join(volume, '4.jpg'), 'picture 4')
  const arrives = (name: string) =>
    until(
      () => existsSync(join(rig.targets[0] ?? '', 'pub/media', name)),
      async () => `${name} does not arrive: ${JSON.stringify(await root(rig))}`,
    )
  mounts.bind(volume, join(rig.source, 'pub/media'))
  await arrives('4.jpg')
  await rig.converged()
  writeFileSync(join(rig.source, 'pub/media/5.jpg'), 'picture 5')
  await arrives('5.jpg')
  await rig.converged()
})

test('a filesystem below the source that reports no changes is named, and one that does not answer stops nothing', async (t) => {
  if (!Mounts.isAllowed() || !existsSync('/dev/fuse')) return t.skip(NO_MOUNTS)
  const mounts = new Mounts()
  const { rig } = await shopWithVolume(mounts)
  await using _rig = rig
  using _mounted = mounts
  const remote = join(rig.source, 'remote')
  mkdirSync(remote)
  await rig.converged()
  assert.equal((await root(rig))?.watch.degraded, null)
  mounts.deadFuse(remote)
  await until(
    async () => /remote \(fuse\)/.test((await root(rig))?.watch.degraded ?? ''),
    async () => JSON.stringify(await root(rig)),
  )
  writeFileSync(join(rig.source, 'app', 'save.php'), 'saved')
  await resync(rig, { check: 'metadata' })
  await until(
    () => existsSync(join(rig.targets[0] ?? '', 'app', 'save.php')),
    () => 'a save beside it does not arrive',
  )
  assert.equal((await root(rig))?.state, 'ready')
  assert.ok(existsSync(join(rig.targets[0] ?? '', 'remote')), 'its place is not deleted')
  mounts.unmount(remote)
  await until(
    async () => (await root(rig))?.watch.degraded === null,
    async () => JSON.stringify(await root(rig)),
  )
  await rig.converged()
})
