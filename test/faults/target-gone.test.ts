/**
 * A target that is not where it was: nothing is said to be committed, the root halts with a reason and is not ready, and
 * goes on by itself when the target is back.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Mounts } from '../support/mounts.ts'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const NO_MOUNTS = 'nothing can be mounted here'

const daemons = sharedDaemons(1)

async function start(prepare: (target: string) => void = () => undefined): Promise<Site> {
  return Site.on(daemons, {
    prepare: (source, [target = '']) => {
      writeFileSync(join(source, 'a.php'), 'a')
      prepare(target)
    },
  })
}

/** Resolves when the receiver says why it is not ready. */
async function halted(why: RegExp): Promise<void> {
  const answer = async () => (await daemons.health(0, '/readyz')).text()
  await until(async () => why.test(await answer()), answer)
}

async function committed(): Promise<number | undefined> {
  return (await daemons.status()).receivers[0]?.sequence
}

/** The source changes meanwhile, and nobody claims that the change is here. */
async function nothingIsClaimed(site: Site): Promise<void> {
  const before = await committed()
  writeFileSync(join(site.source, 'a.php'), 'newer')
  await until(
    async () => (await daemons.status()).roots[0]?.sequence !== before,
    () => 'the agent has not noticed its change',
  )
  assert.equal(await committed(), before)
}

async function isBack(site: Site, target: string): Promise<void> {
  await site.converged(60_000)
  await until(
    () => daemons.ready(0),
    async () => (await daemons.health(0, '/readyz')).text(),
  )
  assert.equal(readFileSync(join(target, 'a.php'), 'utf8'), 'newer')
}

test('a target that is renamed away while it is served, and while it is not', async () => {
  const site = await start()
  await site.converged()
  const [target = ''] = site.targets
  renameSync(target, `${target}.away`)
  await halted(/the target is missing, and was there before: put it back/)
  await nothingIsClaimed(site)
  assert.equal(existsSync(target), false, 'nothing is made in its place')
  renameSync(`${target}.away`, target)
  await isBack(site, target)
  await daemons.killReceiver(0)
  renameSync(target, `${target}.away`)
  assert.match(await daemons.launchReceiver(0).ended, /the target is missing, and was there before/)
  assert.equal(existsSync(target), false)
})

test('a target that is unmounted, and one whose directory was on what is unmounted', async (t) => {
  if (!Mounts.isAllowed()) return t.skip(NO_MOUNTS)
  using mounts = new Mounts()
  const site = await start((target) => {
    mounts.tmpfs(`${target}.volume`)
    mounts.bind(`${target}.volume`, target)
  })
  await site.converged()
  const [target = ''] = site.targets
  mounts.unmount(target)
  await halted(/the filesystem that was mounted at .* is not mounted: mount it/)
  await nothingIsClaimed(site)
  assert.deepEqual(readdirSync(target), [])
  mounts.bind(`${target}.volume`, target)
  await isBack(site, target)
})

test('a directory on a filesystem that is unmounted is not made anew on the bare mount point', async (t) => {
  if (!Mounts.isAllowed()) return t.skip(NO_MOUNTS)
  using mounts = new Mounts()
  const site = await start()
  await site.converged()
  const volume = join(site.place, 'www')
  mounts.tmpfs(`${volume}.real`)
  mounts.bind(`${volume}.real`, volume)
  mkdirSync(join(volume, 'shop'))
  daemons.editReceiver(0, (config) => ({ ...config, roots: { [site.name]: { path: join(volume, 'shop') } } }))
  const [receiver] = daemons.receivers
  assert.ok(receiver)
  await daemons.hangUp(receiver)
  await until(
    () => existsSync(join(volume, 'shop/a.php')),
    () => 'the other target is not served',
  )
  await until(
    () => daemons.ready(0),
    async () => (await daemons.health(0, '/readyz')).text(),
  )
  mounts.unmount(volume)
  await halted(/the filesystem that was mounted at .*www is not mounted: mount it/)
  assert.deepEqual(readdirSync(volume), [])
  mounts.bind(`${volume}.real`, volume)
  await until(
    () => daemons.ready(0),
    async () => (await daemons.health(0, '/readyz')).text(),
  )
})

test('a target that another filesystem covers', async (t) => {
  if (!Mounts.isAllowed()) return t.skip(NO_MOUNTS)
  using mounts = new Mounts()
  const site = await start()
  await site.converged()
  const [target = ''] = site.targets
  mounts.tmpfs(target)
  writeFileSync(join(target, 'own.txt'), 'of another filesystem')
  await halted(/another filesystem, which is mounted at .*, covers the target: unmount it/)
  await nothingIsClaimed(site)
  assert.deepEqual(readdirSync(target), ['own.txt'])
  mounts.unmount(target)
  await isBack(site, target)
})
