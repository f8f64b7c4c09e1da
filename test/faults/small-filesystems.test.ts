/**
 * A real docroot on a filesystem of a target that has too few inodes, too little space, or a quota that is too small: the
 * receiver says what is missing, with numbers, holds up nothing that fits, loses nothing of this host, and goes on by itself
 * when there is room.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Mounts } from '../support/mounts.ts'
import { ownMounts } from '../support/own-mounts.ts'
import { makeRealTree } from '../support/real-tree.ts'
import { resync } from '../support/resync-orders.ts'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = sharedDaemons(1)

const OWN = 'of this host'
const BALLAST = 'ballast'
/** Far less than the docroot needs. */
const FEW_INODES = 700
const FEW_BYTES = 9_000_000

interface Shortage {
  make: readonly string[]
  options?: string
  /** Leaves little in the filesystem, by a directory of this host's own. @returns false where that is not possible */
  take(target: string): boolean
  reason: RegExp
}

const SHORTAGES: Record<string, Shortage> = {
  'too few inodes': {
    make: ['mkfs.ext4', '-q', '-F', '-N', '6000'],
    take: (target) => {
      const spare = statfsSync(target).ffree - FEW_INODES
      for (let file = 0; file < spare; file += 1) writeFileSync(join(target, BALLAST, String(file)), '')
      return true
    },
    reason: /needs an inode, none of \d+ is free|no inode of \d+/,
  },
  'too little space': {
    make: ['mkfs.ext4', '-q', '-F'],
    take: (target) => {
      const { bavail, bsize } = statfsSync(target)
      writeFileSync(join(target, BALLAST, 'large'), Buffer.alloc(bavail * bsize - FEW_BYTES))
      return true
    },
    reason: /needs \d+\.\d MB, \d+\.\d MB are free|MB free of \d+/,
  },
  'a quota of its directory': {
    make: ['mkfs.ext4', '-q', '-F', '-O', 'quota,project', '-E', 'quotatype=prjquota'],
    options: 'loop,prjquota',
    take: (target) => {
      const run = (...words: string[]) => spawnSync(words[0] ?? '', words.slice(1)).status === 0
      const limit = String(Math.round(FEW_BYTES / 1_024))
      return run('chattr', '-R', '+P', '-p', '7', target) && run('setquota', '-P', '7', '0', limit, '0', '0', target)
    },
    reason: /EDQUOT|quota/i,
  },
}

async function isShort(name: string, { make, options, take, reason }: Shortage): Promise<string | null> {
  using mounts = new Mounts()
  const possible = { now: false }
  const site = await Site.on(daemons, {
    receiverRoot: { protect: [`/${BALLAST}/`] },
    prepare: (source, [target = '']) => {
      makeRealTree(source)
      mkdirSync(target, { recursive: true })
      if (mounts.image(target, make, options ?? 'loop', 256) === null) return
      mkdirSync(join(target, BALLAST))
      writeFileSync(join(target, BALLAST, 'own.txt'), OWN)
      writeFileSync(join(target, 'upload.jpg'), OWN)
      possible.now = take(target)
    },
  })
  if (!possible.now) return `${name} cannot be made here`
  const [target = ''] = site.targets
  const root = async () => (await daemons.receiverRoots(0))[0]
  const described = async () => JSON.stringify([await root(), (await daemons.status()).receivers[0]]).slice(0, 4_000)
  const says = async () => {
    return reason.test(JSON.stringify(await root()))
  }
  await until(says, described, 120_000)
  await until(async () => ((await daemons.status()).receivers[0]?.owed.count ?? 0) > 0, described, 120_000)
  // What is gone at the source meanwhile is not missed later.
  rmSync(join(site.source, 'wp-includes/sodium_compat'), { recursive: true, force: true })
  assert.equal(readFileSync(join(target, BALLAST, 'own.txt'), 'utf8'), OWN)
  rmSync(join(target, BALLAST), { recursive: true })
  if (name.includes('quota')) spawnSync('setquota', ['-P', '7', '0', '0', '0', '0', target])
  await until(async () => (await daemons.status()).receivers[0]?.owed.count === 0, described, 120_000)
  // The time of the directory is that of what this test took away in it.
  await resync(daemons)
  await site.converged(60_000, (path) => path === '.rootferry' || path === 'lost+found')
  const kept = readdirSync(join(target, '.rootferry/trash'), { recursive: true, encoding: 'utf8' })
  const [upload = ''] = kept.filter((path) => path.endsWith('upload.jpg'))
  assert.equal(readFileSync(join(target, '.rootferry/trash', upload), 'utf8'), OWN)
  return null
}

const inside = ownMounts(import.meta.url)
if (inside.isInside) {
  for (const [name, shortage] of Object.entries(SHORTAGES)) {
    test(`a docroot on a filesystem with ${name}`, async (t) => {
      const why = await isShort(name, shortage)
      if (why !== null) t.skip(why)
    })
  }
} else {
  test('docroots on filesystems that are too small, in a mount namespace of their own', (t) => {
    const outcome = inside.run()
    if (outcome === null) return t.skip('nothing can be mounted here')
    assert.equal(outcome.failure, '')
  })
}
