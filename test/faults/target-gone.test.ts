/**
 * A target that is not where it was: nothing is said to be committed, the root halts with a reason and is not ready, and
 * goes on by itself when the target is back.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Mounts } from '../support/mounts.ts'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'

const NO_MOUNTS = 'nothing can be mounted here'

async function start(prepare: (target: string) => void = () => undefined): Promise<Rig> {
  return Rig.start({
    receivers: 1,
    prepare: (source, [target = '']) => {
      writeFileSync(join(source, 'a.php'), 'a')
      prepare(target)
    },
  })
}

/** Resolves when the receiver says why it is not ready. */
async function halted(rig: Rig, why: RegExp): Promise<void> {
  const answer = async () => (await rig.health(0, '/readyz')).text()
  await until(async () => why.test(await answer()), answer)
}

async function committed(rig: Rig): Promise<number | undefined> {
  return (await rig.status()).receivers[0]?.sequence
}

/** The source changes meanwhile, and nobody claims that the change is here. */
async function nothingIsClaimed(rig: Rig): Promise<void> {
  const before = await committed(rig)
  writeFileSync(join(rig.source, 'a.php'), 'newer')
  await until(
    async () => (await rig.status()).roots[0]?.sequence !== before,
    () => 'the agent has not noticed its change',
  )
  assert.equal(await committed(rig), before)
}

async function isBack(rig: Rig, target: string): Promise<void> {
  await rig.converged(60_000)
  await until(
    () => rig.ready(0),
    async () => (await rig.health(0, '/readyz')).text(),
  )
  assert.equal(readFileSync(join(target, 'a.php'), 'utf8'), 'newer')
}

test('a target that is renamed away while it is served, and while it is not', async () => {
  await using rig = await start()
  await rig.converged()
  const [target = ''] = rig.targets
  renameSync(target, `${target}.away`)
  await halted(rig, /the target is missing, and was there before: put it back/)
  await nothingIsClaimed(rig)
  assert.equal(existsSync(target), false, 'nothing is made in its place')
  renameSync(`${target}.away`, target)
  await isBack(rig, target)
  await rig.killReceiver(0)
  renameSync(target, `${target}.away`)
  assert.match(await rig.launchReceiver(0).ended, /the target is missing, and was there before/)
  assert.equal(existsSync(target), false)
})

test('a target that is unmounted, and one whose directory was on what is unmounted', async (t) => {
  if (!Mounts.isAllowed()) return t.skip(NO_MOUNTS)
  const mounts = new Mounts()
  await using rig = await start((target) => {
    mounts.tmpfs(`${target}.volume`)
    mounts.bind(`${target}.volume`, target)
  })
  using _mounted = mounts
  await rig.converged()
  const [target = ''] = rig.targets
  mounts.unmount(target)
  await halted(rig, /the filesystem that was mounted at .* is not mounted: mount it/)
  await nothingIsClaimed(rig)
  assert.deepEqual(readdirSync(target), [])
  mounts.bind(`${target}.volume`, target)
  await isBack(rig, target)
})

test('a directory on a filesystem that is unmounted is not made anew on the bare mount point', async (t) => {
  if (!Mounts.isAllowed()) return t.skip(NO_MOUNTS)
  const mounts = new Mounts()
  await using rig = await start()
  using _mounted = mounts
  await rig.converged()
  const volume = join(rig.place, 'www')
  mounts.tmpfs(`${volume}.real`)
  mounts.bind(`${volume}.real`, volume)
  mkdirSync(join(volume, 'shop'))
  rig.editReceiver(0, (config) => ({ ...config, roots: { site: { path: join(volume, 'shop') } } }))
  const [receiver] = rig.receivers
  assert.ok(receiver)
  await rig.hangUp(receiver)
  await until(
    () => existsSync(join(volume, 'shop/a.php')),
    () => 'the other target is not served',
  )
  await until(
    () => rig.ready(0),
    async () => (await rig.health(0, '/readyz')).text(),
  )
  mounts.unmount(volume)
  await halted(rig, /the filesystem that was mounted at .*www is not mounted: mount it/)
  assert.deepEqual(readdirSync(volume), [])
  mounts.bind(`${volume}.real`, volume)
  await until(
    () => rig.ready(0),
    async () => (await rig.health(0, '/readyz')).text(),
  )
})

test('a target that another filesystem covers', async (t) => {
  if (!Mounts.isAllowed()) return t.skip(NO_MOUNTS)
  const mounts = new Mounts()
  await using rig = await start()
  using _mounted = mounts
  await rig.converged()
  const [target = ''] = rig.targets
  mounts.tmpfs(target)
  writeFileSync(join(target, 'own.txt'), 'of another filesystem')
  await halted(rig, /another filesystem, which is mounted at .*, covers the target: unmount it/)
  await nothingIsClaimed(rig)
  assert.deepEqual(readdirSync(target), ['own.txt'])
  mounts.unmount(target)
  await isBack(rig, target)
})
