/**
 * A volume that was mounted in a target and is not any more: its bare mount point stays bare, its paths are owed and said
 * to be, everything else arrives, and it is filled by itself when it is back. A volume that turns up where something was
 * filled before, or another one at the same place, is filled too.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Mounts } from '../support/mounts.ts'
import { ownMounts } from '../support/own-mounts.ts'
import { resync } from '../support/resync-orders.ts'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = sharedDaemons(1)

function put(directory: string, files: Record<string, string>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(directory, path, '..'), { recursive: true })
    writeFileSync(join(directory, path), content)
  }
}

const SOURCE = {
  'a.php': 'a',
  'pub/index.php': 'i',
  'pub/media/a.jpg': 'a',
  'pub/media/b.jpg': 'b',
  'pub/media/d/c.jpg': 'c',
}
const MEDIA = 'pub/media'

interface Scene {
  site: Site
  mounts: Mounts
  target: string
  volume: string
  mount(): void
  unmount(): void
}

/** @param isMounted whether the volume is there at the first join */
async function play(isMounted: boolean, act: (scene: Scene) => Promise<void>): Promise<void> {
  using mounts = new Mounts()
  const site = await Site.on(daemons, {
    prepare: (source, [target = '']) => {
      put(source, SOURCE)
      mounts.tmpfs(`${target}.volume`)
      mkdirSync(join(target, MEDIA), { recursive: true })
      if (isMounted) mounts.bind(`${target}.volume`, join(target, MEDIA))
    },
  })
  const [target = ''] = site.targets
  const volume = `${target}.volume`
  const place = join(target, MEDIA)
  const mount = () => void mounts.bind(volume, place)
  const unmount = () => mounts.unmount(place)
  await site.converged()
  await act({ site, mounts, target, volume, mount, unmount })
}

const described = async () => JSON.stringify((await daemons.status()).receivers[0]).slice(0, 3_000)

async function isToldMissing(): Promise<void> {
  await until(
    async () =>
      (await daemons.status()).receivers[0]?.owed.paths.some(
        ({ path, code }) => path === MEDIA && code === 'unmounted',
      ) === true,
    described,
  )
}

async function arrives(site: Site, path: string, content: string): Promise<void> {
  const at = join(site.targets[0] ?? '', path)
  await until(() => existsSync(at) && readFileSync(at, 'utf8') === content, described, 60_000)
}

/** Changes of every kind, on the volume and elsewhere. */
async function changes({ site, target }: Scene): Promise<void> {
  put(site.source, { 'pub/media/a.jpg': 'newer', 'pub/media/new/e.jpg': 'e', 'pub/index.php': 'newer' })
  rmSync(join(site.source, 'pub/media/b.jpg'))
  rmSync(join(site.source, 'pub/media/d'), { recursive: true })
  await arrives(site, 'pub/index.php', 'newer')
  await isToldMissing()
  const { state } = await resync(daemons)
  assert.equal(state, 'failed', 'a resync says that it could not look there')
  assert.deepEqual(readdirSync(join(target, MEDIA)), [], 'nothing is written on the bare mount point')
}

async function isRight({ site, target }: Scene): Promise<void> {
  await site.converged(60_000)
  assert.deepEqual(readdirSync(join(target, MEDIA)).sort(), ['a.jpg', 'new'])
  await until(async () => (await daemons.status()).receivers[0]?.owed.count === 0, described)
}

const inside = ownMounts(import.meta.url)
if (inside.isInside) {
  test('a volume that is unmounted while it is served', () =>
    play(true, async (scene) => {
      scene.unmount()
      await isToldMissing()
      await changes(scene)
      scene.mount()
      await isRight(scene)
    }))

  test('a volume that is not mounted yet when the receiver starts', () =>
    play(true, async (scene) => {
      await daemons.killReceiver(0)
      scene.unmount()
      await daemons.startReceiver(0)
      await changes(scene)
      await daemons.killReceiver(0)
      scene.mount()
      await daemons.startReceiver(0)
      await isRight(scene)
    }))

  test('a directory that goes, with a volume in it that is missing, stays and is no obstacle', () =>
    play(true, async ({ site, target, mount, unmount }) => {
      unmount()
      rmSync(join(site.source, 'pub'), { recursive: true })
      put(site.source, { 'b.php': 'b' })
      await arrives(site, 'b.php', 'b')
      await until(() => !existsSync(join(target, 'pub/index.php')), described)
      assert.deepEqual(readdirSync(join(target, MEDIA)), [])
      mount()
      await until(() => readdirSync(join(target, MEDIA)).length === 0, described, 60_000)
    }))

  test('a mount point that is removed tells that there is no volume any more', () =>
    play(true, async (scene) => {
      scene.unmount()
      await changes(scene)
      rmdirSync(join(scene.target, MEDIA))
      await arrives(scene.site, 'pub/media/new/e.jpg', 'e')
      // The time of the directory above is the operator's.
      await resync(daemons)
      await isRight(scene)
    }))

  test('a volume that turns up over what was filled is filled by itself, while it is served and while it is not', () =>
    play(false, async ({ site, target, mounts, mount, volume }) => {
      mount()
      await arrives(site, 'pub/media/d/c.jpg', 'c')
      await site.converged(60_000)
      assert.ok(existsSync(join(volume, 'a.jpg')))
      await daemons.killReceiver(0)
      mounts.tmpfs(`${target}.other`)
      mounts.bind(`${target}.other`, join(target, MEDIA))
      await daemons.startReceiver(0)
      await arrives(site, 'pub/media/d/c.jpg', 'c')
      await site.converged(60_000)
    }))
} else {
  test('volumes of a target that vanish and come, in a mount namespace of their own', (t) => {
    const outcome = inside.run()
    if (outcome === null) return t.skip('nothing can be mounted here')
    assert.equal(outcome.failure, '')
  })
}
