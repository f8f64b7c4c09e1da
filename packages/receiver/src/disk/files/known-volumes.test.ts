/** Which volumes are missing, and which are to be compared, by what was known and what is mounted. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { borderId } from '@rootferry/host/machine'
import { followVolumes, KnownVolumes, type VolumeRecord } from './known-volumes.ts'

const mount = (path: string, part = '/', type = 'ext4', device = '8:1') => ({
  path,
  part,
  type,
  device,
  isItself: false,
})
const EVERYWHERE = { isDirectory: () => true, birthAt: () => null }
const record = (known: ReturnType<typeof mount>[], due: string[] = []): VolumeRecord => ({
  known: Object.fromEntries(known.map((border) => [border.path, [borderId(border), border.device, null] as const])),
  boot: 'b',
  due,
})

test('in a target that was never looked at nothing is missing, and nothing is new', () => {
  assert.deepEqual(followVolumes(null, [mount('media')], 'b', EVERYWHERE), {
    record: record([mount('media')]),
    missing: [],
  })
})

test('a volume that goes is missing, with those that were mounted on it, and is to be compared when it is back', () => {
  const known = record([mount('media'), mount('media/deep'), mount('other')])
  const gone = followVolumes(known, [mount('other')], 'b', {
    ...EVERYWHERE,
    isDirectory: (path) => path !== 'media/deep',
  })
  assert.deepEqual(gone.missing, ['media'])
  assert.deepEqual(gone.record, { ...known, due: ['media', 'media/deep'] })
  const back = followVolumes(gone.record, [mount('media'), mount('media/deep'), mount('other')], 'b', EVERYWHERE)
  assert.deepEqual(back, { record: gone.record, missing: [] })
})

test('a volume whose mount point is gone too is a part of the target from then on', () => {
  const { record: now, missing } = followVolumes(record([mount('media')]), [], 'b', {
    ...EVERYWHERE,
    isDirectory: () => false,
  })
  assert.deepEqual([now, missing], [{ known: {}, boot: 'b', due: ['media'] }, []])
})

test('a volume that is new, or another one at its place, is to be compared', () => {
  const known = record([mount('media')])
  const { record: now } = followVolumes(known, [mount('media', '/b'), mount('new')], 'b', EVERYWHERE)
  assert.deepEqual(now, record([mount('media', '/b'), mount('new')], ['media', 'new']))
})

test('another device at its place is another volume, unless the machine was started anew', () => {
  const known = record([mount('media')])
  const other = [mount('media', '/', 'ext4', '8:2')]
  assert.deepEqual(followVolumes(known, other, 'b', EVERYWHERE).record.due, ['media'])
  assert.deepEqual(followVolumes(known, other, 'c', EVERYWHERE).record.due, [])
})

test('a top directory that was made at another time is that of another volume, also after a new start of the machine', () => {
  const bornAt = (birth: number | null) => ({ ...EVERYWHERE, birthAt: () => birth })
  const follow = (before: VolumeRecord, birth: number | null, type = 'ext4') =>
    followVolumes(before, [mount('media', '/', type)], 'c', bornAt(birth)).record
  const known = follow(record([mount('media')]), 1)
  assert.deepEqual(known.due, [], 'an earlier version did not record it')
  assert.deepEqual(follow(known, 1).due, [])
  assert.deepEqual(follow(known, null).due, [])
  assert.deepEqual(follow(known, 2).due, ['media'])
  assert.deepEqual(follow(follow(record([mount('media', '/', 'overlay')]), 1, 'overlay'), 2, 'overlay').due, [])
})

test('a volume that is mounted on demand may go and come', () => {
  const idle = followVolumes(
    record([mount('media', '/', 'nfs4', '0:50')]),
    [mount('media', '/', 'autofs')],
    'b',
    EVERYWHERE,
  )
  assert.deepEqual([idle.record.due, idle.missing], [[], []])
  const back = followVolumes(idle.record, [mount('media', '/', 'nfs4', '0:51')], 'b', EVERYWHERE)
  assert.deepEqual([back.record.due, back.missing], [[], []])
})

test('what is missing counts as another filesystem, and news are told once', () => {
  const present = new Map([
    ['media', mount('media')],
    ['etc', { ...mount('etc'), isItself: true }],
  ])
  const row: { volumes: VolumeRecord | null } = { volumes: record([mount('media'), mount('pub/logs')]) }
  const borders = {
    refresh: () => true,
    all: present.values(),
    has: (path: string) => present.has(path),
    isAtOrBelow: (path: string) => present.has(path),
    above: (path: string) => present.get(path) ?? null,
  }
  const volumes = new KnownVolumes({ borders, row, bootId: 'b', ...EVERYWHERE })
  volumes.refresh(EVERYWHERE.isDirectory)
  assert.deepEqual([volumes.missing, volumes.due], [['pub/logs'], []])
  assert.deepEqual([volumes.missingAbove('pub/logs/a'), volumes.missingAbove('pub')], ['pub/logs', null])
  assert.deepEqual(
    [volumes.isAtOrBelow('pub'), volumes.has('pub/logs'), volumes.above('media')?.path],
    [true, true, 'media'],
  )
  assert.deepEqual([volumes.hasNews(), volumes.hasNews()], [true, false])
})

test('a volume that comes while nothing can be recorded is found by the next look', () => {
  let mounts = [mount('media')]
  let [isChanged, isFull] = [true, false]
  const row = {
    record: record([mount('media')]) as VolumeRecord | null,
    get volumes() {
      return this.record
    },
    set volumes(volumes) {
      if (isFull) throw new Error('full')
      this.record = volumes
    },
  }
  const borders = {
    refresh: () => isChanged,
    get all() {
      return mounts
    },
    has: () => false,
    isAtOrBelow: () => false,
    above: () => null,
  }
  const volumes = new KnownVolumes({ borders, row, bootId: 'b', ...EVERYWHERE })
  volumes.refresh(EVERYWHERE.isDirectory)
  mounts = [mount('media', '/other')]
  isFull = true
  assert.throws(() => volumes.refresh(EVERYWHERE.isDirectory), /full/)
  ;[isChanged, isFull] = [false, false]
  volumes.refresh(EVERYWHERE.isDirectory)
  assert.deepEqual(volumes.due, ['media'])
})
