/**
 * The trash, and its purge, where a target is, or holds, a bind mount, a tmpfs, an overlay, an ext4 in a file, or a
 * directory of an XFS with a project quota: what is this host's own is kept in full, what is mounted inside stays as it is,
 * and what is too old goes.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pid } from 'node:process'
import { after, test } from 'node:test'
import type { Daemons } from '../support/daemons.ts'
import { Mounts } from '../support/mounts.ts'
import { ownMounts } from '../support/own-mounts.ts'
import { Rig } from '../support/rig.ts'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = sharedDaemons(1)

const OWN = 'of this host'
const PROJECT = '4711'
const MONTH_DAYS = 31
/** Far below the default: each new value has a receiver open its root anew. */
let keepDays = 20

interface Served {
  site: Site
  daemons: Daemons
}

/** Of its directories the agent knows nothing at first. */
const VOLUME = 'shared/deep/volume'

/** What mounts lead to is nowhere in a target. */
const beside = mkdtempSync(join(tmpdir(), 'rootferry-beside-'))
after(() => rmSync(beside, { recursive: true }))
const newBeside = () => mkdtempSync(join(beside, 'mount-'))

type Mount = (mounts: Mounts, place: string) => string | null

const KINDS: Record<string, Mount> = {
  'a bind mount': (mounts, place) => mounts.bind(newBeside(), place),
  'a tmpfs': (mounts, place) => mounts.tmpfs(place),
  'an overlay whose lower layer holds what is there': (mounts, place) => mounts.overlay(place, join(newBeside(), 'of')),
  'an ext4': (mounts, place) => mounts.image(place, ['mkfs.ext4', '-q', '-F']),
  'an XFS': (mounts, place) => mounts.image(place, ['mkfs.xfs', '-q', '-f'], 'loop', 320),
}

function put(directory: string, files: Record<string, string>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(directory, path, '..'), { recursive: true })
    writeFileSync(join(directory, path), content)
  }
}

const SOURCE = { 'a.php': 'a', 'app/b.php': 'b', 'app/deep/c.php': 'c', 'conf/x.ini': 'of the source' }
const LOCAL = { 'conf/x.ini': OWN, 'own/deep/1.txt': `${OWN} 1`, 'own/2.txt': `${OWN} 2`, 'app/deep/3.txt': `${OWN} 3` }

/** Contents of all files in the trashes of a receiver, by path below their batch. */
function trashOf(site: Site): Map<string, string> {
  const [target = ''] = site.targets
  const kept = new Map<string, string>()
  for (const trash of [join(target, '.rootferry/trash'), site.receiverState(0, 'trash')]) {
    if (!existsSync(trash)) continue
    for (const name of readdirSync(trash, { recursive: true }).map(String)) {
      const place = join(trash, name)
      if (statSync(place).isFile()) kept.set(name.slice(name.indexOf('/') + 1), readFileSync(place, 'utf8'))
    }
  }
  return kept
}

function batches(site: Site): string[] {
  const [target = ''] = site.targets
  return [join(target, '.rootferry/trash'), site.receiverState(0, 'trash')].flatMap((trash) =>
    existsSync(trash) ? readdirSync(trash).map((name) => join(trash, name)) : [],
  )
}

/** Makes all that is in the trash a month old, and has the receiver open its root anew, as at a start. */
async function monthPasses({ site, daemons }: Served): Promise<void> {
  const seconds = Date.now() / 1_000 - MONTH_DAYS * 86_400
  for (const batch of batches(site)) utimesSync(batch, seconds, seconds)
  keepDays -= 1
  site.configureReceiver(0, { trash: { keepDays } })
  await daemons.hangUp(daemons.receivers[0] ?? assert.fail())
}

async function isGone(site: Site, path: string): Promise<void> {
  const [target = ''] = site.targets
  await until(
    () => !existsSync(join(target, path)),
    () => `${path} stays`,
  )
}

/** The target is one kind of mount, and holds another. */
async function trial(ofTarget: Mount, ofVolume: Mount): Promise<boolean> {
  using mounts = new Mounts()
  let isMounted = true
  const site = await Site.on(daemons, {
    prepare: (source, [target = '']) => {
      put(source, SOURCE)
      for (const [mount, place] of [
        [ofTarget, target],
        [ofVolume, join(target, VOLUME)],
      ] as const) {
        mkdirSync(place, { recursive: true })
        // The lower layer of an overlay.
        put(place, LOCAL)
        isMounted &&= mount(mounts, place) !== null
        if (isMounted) put(place, LOCAL)
      }
    },
  })
  if (!isMounted) return false
  const [target = ''] = site.targets
  await theTarget({ site, daemons }, target)
  await aVolume({ site, daemons }, target, VOLUME)
  return true
}

/** What the volume is in, of which the agent knows nothing, and what is beside the content. */
function isOwn(path: string): boolean {
  const top = VOLUME.slice(0, VOLUME.indexOf('/'))
  return path === top || path.startsWith(`${top}/`) || isBeside(path)
}

/** All of the target is on that filesystem. */
async function theTarget({ site, daemons }: Served, target: string): Promise<void> {
  await site.converged(30_000, isOwn)
  const kept = trashOf(site)
  assert.deepEqual(
    Object.entries(LOCAL).filter(([path, content]) => kept.get(path) !== content),
    [],
    'what the first join replaced or removed',
  )
  put(target, { 'app/deep/later.txt': OWN })
  rmSync(join(site.source, 'app'), { recursive: true })
  await isGone(site, 'app')
  await until(
    () => trashOf(site).get('app/deep/later.txt') === OWN,
    () => [...trashOf(site).keys()].join('\n'),
  )
  await site.converged(30_000, isOwn)
  await monthPasses({ site, daemons })
  await until(
    () => batches(site).length === 0,
    () => batches(site).join('\n'),
  )
  await site.converged(30_000, isOwn)
}

/** That filesystem is mounted in a directory of which the agent knows nothing, and then in one that goes away. */
async function aVolume({ site, daemons }: Served, target: string, at: string): Promise<void> {
  const top = at.split('/')[0] ?? at
  await site.converged(30_000, isOwn)
  put(target, { [`${top}/beside.txt`]: OWN })
  mkdirSync(join(site.source, at), { recursive: true })
  put(site.source, { [`${at}/from-source.php`]: 'x' })
  await until(
    () => existsSync(join(target, at, 'from-source.php')),
    async () => `nothing arrives on the volume: ${JSON.stringify(await daemons.receiverRoots(0)).slice(0, 1_000)}`,
  )
  rmSync(join(site.source, top), { recursive: true })
  await isGone(site, `${at}/from-source.php`)
  await until(
    () => trashOf(site).get(`${top}/beside.txt`) === OWN,
    () => [...trashOf(site).keys()].join('\n'),
  )
  await monthPasses({ site, daemons })
  await until(
    () => batches(site).length === 0,
    () => batches(site).join('\n'),
  )
  const lost = Object.entries(LOCAL).filter(
    ([path, content]) => readFileSync(join(target, at, path), 'utf8') !== content,
  )
  assert.deepEqual(lost, [], 'nothing on the volume was moved or purged')
}

/** Every ext4 has the one, and a target that is a filesystem of its own the other while something is in its trash. */
function isBeside(path: string): boolean {
  return path === 'lost+found' || path === '.rootferry' || path.startsWith('.rootferry/')
}

/** A docroot with a quota of its own on the filesystem that the state directory is on too: no rename leads into it. */
async function quotaTrial(): Promise<boolean> {
  using mounts = new Mounts()
  const disk = mounts.image(`/tmp/rootferry-xfs-${pid}`, ['mkfs.xfs', '-q', '-f'], 'loop', 320)
  if (disk === null || spawnSync('xfs_io', ['-V']).status !== 0) return false
  await using rig = await Rig.start({
    place: disk,
    receivers: 1,
    prepare: (source, [target = '']) => {
      put(source, SOURCE)
      mkdirSync(target, { recursive: true })
      const { status } = spawnSync('xfs_io', ['-c', `chproj -R ${PROJECT}`, '-c', 'chattr -R +P', target])
      assert.equal(status, 0)
      put(target, LOCAL)
    },
  })
  const [target = ''] = rig.targets
  await theTarget({ site: rig.site, daemons: rig }, target)
  const { stdout } = spawnSync('xfs_io', ['-c', 'stat', join(target, 'conf/x.ini')], {
    encoding: 'utf8',
  })
  assert.match(stdout, new RegExp(`projid = ${PROJECT}`), 'what arrives counts in the quota of its directory')
  return true
}

const inside = ownMounts(import.meta.url)
if (inside.isInside) {
  const kinds = Object.entries(KINDS)
  for (const [at, [kind, mount]] of kinds.entries()) {
    const [other, inner] = kinds[(at + 1) % kinds.length] ?? [kind, mount]
    test(`${kind} as the target, and ${other} in it`, async (t) => {
      if (!(await trial(mount, inner))) t.skip('cannot be mounted here')
    })
  }
  test('an XFS: a directory with a quota of its own as the target', async (t) => {
    if (!(await quotaTrial())) t.skip('cannot be mounted here')
  })
} else {
  test('the trash and its purge on filesystems of every kind, in a mount namespace of their own', (t) => {
    const outcome = inside.run()
    if (outcome === null) return t.skip('nothing can be mounted here')
    assert.equal(outcome.failure, '')
  })
}
