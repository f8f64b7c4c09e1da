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
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const NO_MOUNTS = 'nothing can be mounted here'
const FILES = 200

const daemons = sharedDaemons(1)

/** A source with a volume at pub/media, which holds fewer entries than the guard would halt for. */
async function shopWithVolume(mounts: Mounts): Promise<{ site: Site; media: string; volume: string }> {
  const site = await Site.on(daemons, {
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
  return { site, media: join(site.source, 'pub/media'), volume: `${site.source}.volume` }
}

const root = async () => (await daemons.status()).roots[0]

async function halted(why = /^pub\/media: .*missing/): Promise<void> {
  await until(
    async () => (await root())?.state === 'halted' && why.test((await root())?.reason ?? ''),
    async () => JSON.stringify(await root()),
  )
}

const picture = (site: Site) => readFileSync(join(site.targets[0] ?? '', 'pub/media/4.jpg'), 'utf8')

test('a volume that is unmounted under a running agent, and another one in its place', async (t) => {
  if (!Mounts.isAllowed()) return t.skip(NO_MOUNTS)
  using mounts = new Mounts()
  const { site, media, volume } = await shopWithVolume(mounts)
  await site.converged()
  mounts.unmount(media)
  writeFileSync(join(site.source, 'app/0.php'), 'changed meanwhile')
  await halted()
  assert.equal(picture(site), 'picture 4')
  mounts.bind(mounts.tmpfs(`${volume}.other`), media)
  // A halted root is looked at when something changes.
  writeFileSync(join(site.source, 'app/1.php'), 'changed meanwhile')
  await halted(/^pub\/media: another filesystem \(tmpfs\)/)
  assert.equal(picture(site), 'picture 4')
  // Somebody puts it back, file by file.
  writeFileSync(join(media, '0.jpg'), 'picture 0')
  await halted(/^not back yet: /)
  assert.equal(picture(site), 'picture 4')
  mounts.unmount(media)
  mounts.bind(volume, media)
  await site.converged()
})

test('a volume that is not mounted yet when the agent starts, and one that an operator gives up', async (t) => {
  if (!Mounts.isAllowed()) return t.skip(NO_MOUNTS)
  using mounts = new Mounts()
  const { site, media, volume } = await shopWithVolume(mounts)
  await site.converged()
  await daemons.killAgent()
  mounts.unmount(media)
  await daemons.startAgent()
  await halted()
  assert.equal(picture(site), 'picture 4')
  mounts.bind(volume, media)
  await site.converged()
  mounts.unmount(media)
  await halted()
  assert.equal(await site.acceptGuard(), 200)
  await site.converged()
})

test('a volume that is mounted under a running agent comes with what it holds, and what is written on it later', async (t) => {
  if (!Mounts.isAllowed()) return t.skip(NO_MOUNTS)
  using mounts = new Mounts()
  const site = await Site.on(daemons, {
    prepare: (source) => {
      mkdirSync(join(source, 'pub/media'), { recursive: true })
      writeFileSync(join(source, 'a.php'), 'a')
    },
  })
  await site.converged()
  const volume = mounts.tmpfs(`${site.source}.volume`)
  writeFileSync(join(volume, '4.jpg'), 'picture 4')
  const arrives = (name: string) =>
    until(
      () => existsSync(join(site.targets[0] ?? '', 'pub/media', name)),
      async () => `${name} does not arrive: ${JSON.stringify(await root())}`,
    )
  mounts.bind(volume, join(site.source, 'pub/media'))
  await arrives('4.jpg')
  await site.converged()
  writeFileSync(join(site.source, 'pub/media/5.jpg'), 'picture 5')
  await arrives('5.jpg')
  await site.converged()
})

test('a filesystem below the source that reports no changes is named, and one that does not answer stops nothing', async (t) => {
  if (!Mounts.isAllowed() || !existsSync('/dev/fuse')) return t.skip(NO_MOUNTS)
  using mounts = new Mounts()
  const { site } = await shopWithVolume(mounts)
  const remote = join(site.source, 'remote')
  mkdirSync(remote)
  await site.converged()
  assert.equal((await root())?.watch.degraded, null)
  mounts.deadFuse(remote)
  await until(
    async () => /remote \(fuse\)/.test((await root())?.watch.degraded ?? ''),
    async () => JSON.stringify(await root()),
  )
  writeFileSync(join(site.source, 'app', 'save.php'), 'saved')
  await resync(daemons, { check: 'metadata' })
  await until(
    () => existsSync(join(site.targets[0] ?? '', 'app', 'save.php')),
    () => 'a save beside it does not arrive',
  )
  assert.equal((await root())?.state, 'ready')
  assert.ok(existsSync(join(site.targets[0] ?? '', 'remote')), 'its place is not deleted')
  mounts.unmount(remote)
  await until(
    async () => (await root())?.watch.degraded === null,
    async () => JSON.stringify(await root()),
  )
  await site.converged()
})
