/**
 * A filesystem that is mounted below a target and refuses, is broken, or has no server any more: that is a problem of its
 * paths, in changesets, in resyncs, in first joins, and when commits are made durable. Everything else arrives.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Mounts } from '../support/mounts.ts'
import { ownMounts } from '../support/own-mounts.ts'
import { resync } from '../support/resync-orders.ts'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = sharedDaemons(1)

const FILES = 60
/** In the directory of the mount, and elsewhere. */
const REPAIRED = ['pub/index.php', 'app/1.php']

type Break = (mounts: Mounts, place: string) => boolean

/** Each makes a filesystem with content at the place one that cannot be written to, or not even be read. */
const BREAKS: Record<string, Break> = {
  'is mounted read-only': (mounts, place) => {
    mounts.remount(place, 'ro')
    return true
  },
  'is an ext4 whose disk is gone': (_mounts, place) => isShutDown(place),
  'is an XFS whose disk is gone': (_mounts, place) => isShutDown(place),
  'has no server any more': (mounts, place) => {
    if (!existsSync('/dev/fuse')) return false
    mounts.deadFuse(place)
    return true
  },
}

/** From now on its calls fail with EIO. */
function isShutDown(place: string): boolean {
  return spawnSync('xfs_io', ['-x', '-c', 'shutdown', place]).status === 0
}

function put(directory: string, files: Record<string, string>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(directory, path, '..'), { recursive: true })
    writeFileSync(join(directory, path), content)
  }
}

function prepared(mounts: Mounts, how: string) {
  const make = how.includes('XFS') ? ['mkfs.xfs', '-q', '-f'] : ['mkfs.ext4', '-q', '-F']
  return (source: string, [target = '']: string[]) => {
    for (let file = 0; file < FILES; file += 1) put(source, { [`app/${file}.php`]: `code ${file}` })
    put(source, {
      'pub/index.php': 'index',
      'pub/media/a.jpg': 'a',
      'pub/media/b.jpg': 'b'.repeat(100),
      'pub/media/d/c.jpg': 'c',
    })
    mounts.image(join(target, 'pub/media'), make, 'loop', 320)
    put(join(target, 'pub/media'), { 'a.jpg': 'a', 'b.jpg': 'b'.repeat(100), 'd/c.jpg': 'c' })
  }
}

async function receiver() {
  const { receivers } = await daemons.status()
  const [root] = await daemons.receiverRoots(0)
  return { ...receivers[0], local: root }
}

const described = async () => JSON.stringify(await receiver()).slice(0, 4_000)

async function isHealthy(): Promise<void> {
  await until(
    async () => {
      const { state, durableSequence, sequence, lastError } = await receiver()
      return state === 'live' && lastError === null && durableSequence === sequence && (await daemons.ready(0))
    },
    described,
    60_000,
  )
}

async function arrives(site: Site, path: string, content: string): Promise<void> {
  const at = join(site.targets[0] ?? '', path)
  await until(() => existsSync(at) && readFileSync(at, 'utf8') === content, described)
}

async function live(how: string, broken: Break): Promise<boolean> {
  using mounts = new Mounts()
  const site = await Site.on(daemons, { prepare: prepared(mounts, how) })
  await site.inSync()
  const [target = ''] = site.targets
  // Drift that a resync finds and cannot repair.
  chmodSync(join(target, 'pub/media/b.jpg'), 0o600)
  chmodSync(join(target, 'pub/media/d'), 0o700)
  for (const path of REPAIRED) chmodSync(join(target, path), 0o600)
  if (!broken(mounts, join(target, 'pub/media'))) return false
  for (const check of ['metadata', 'content'] as const) {
    const { state } = await resync(daemons, { check })
    assert.notEqual(state, 'running')
  }
  for (const path of REPAIRED) assert.equal(statSync(join(target, path)).mode & 0o777, 0o644, path)
  await isHealthy()
  // More than are synced one by one, and a file that moves from behind the border.
  for (let file = 0; file < FILES; file += 1) put(site.source, { [`app/${file}.php`]: `newer ${file}` })
  renameSync(join(site.source, 'pub/media/b.jpg'), join(site.source, 'app/b.jpg'))
  put(site.source, { 'pub/media/a.jpg': 'newer' })
  await arrives(site, 'app/b.jpg', 'b'.repeat(100))
  await arrives(site, `app/${FILES - 1}.php`, `newer ${FILES - 1}`)
  await isHealthy()
  return true
}

async function joins(how: string, broken: Break): Promise<boolean> {
  using mounts = new Mounts()
  let isBroken = false
  const site = await Site.on(daemons, {
    prepare: (source, targets) => {
      prepared(mounts, how)(source, targets)
      const media = join(targets[0] ?? '', 'pub/media')
      chmodSync(join(media, 'b.jpg'), 0o600)
      isBroken = broken(mounts, media)
    },
  })
  if (!isBroken) return false
  await arrives(site, 'app/1.php', 'code 1')
  await isHealthy()
  put(site.source, { 'app/1.php': 'newer' })
  await arrives(site, 'app/1.php', 'newer')
  await isHealthy()
  return true
}

const inside = ownMounts(import.meta.url)
if (inside.isInside) {
  for (const [how, broken] of Object.entries(BREAKS)) {
    test(`a volume in a target that ${how}: beside a receiver that is live`, async (t) => {
      if (!(await live(how, broken))) t.skip('cannot be made here')
    })
    test(`a volume in a target that ${how}: at a first join`, async (t) => {
      if (!(await joins(how, broken))) t.skip('cannot be made here')
    })
  }
} else {
  test('filesystems in trouble below a target, in a mount namespace of their own', (t) => {
    const outcome = inside.run()
    if (outcome === null) return t.skip('nothing can be mounted here')
    assert.equal(outcome.failure, '')
  })
}
