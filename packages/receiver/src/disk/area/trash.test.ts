/** The trash: the places of objects in it, and how long they stay. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ConfinedDirectories } from '@rootferry/host/machine'
import { atOnce, Scratch } from '../../../test-support/test-feed.ts'
import { probeCreation } from '../stage/staging.ts'
import { Trash } from './trash.ts'
import { WallClock } from './wall-clock.ts'
import { WorkArea } from './work-area.ts'

const NOW = Date.UTC(2026, 0, 31, 8, 15, 0, 7)
/** What the clocks of the machine show; `up` counts from its start. */
const clock = { ms: NOW, up: 1_000_000, boot: 'boot-1' }
const BATCH = '2026-01-31T08-15-00-007Z'

function pass(ms: number): void {
  clock.ms += ms
  clock.up += ms
}

function newClock(scratch: Scratch): WallClock {
  return new WallClock(scratch.at('state/clock'), {
    now: () => clock.ms,
    sinceBoot: () => clock.up,
    bootId: clock.boot,
  })
}

function open(
  scratch: Scratch,
  keepDays: number,
  maxBytes = 1_000_000,
): { trash: Trash; confined: ConfinedDirectories } {
  mkdirSync(scratch.at('root'), { recursive: true })
  mkdirSync(scratch.at('state'), { recursive: true })
  const confined = new ConfinedDirectories(scratch.at('root'))
  const creation = probeCreation(scratch.at('state'))
  const area = new WorkArea(confined, { guardedRootTime: null, guardRootTime: () => undefined }, creation, {
    staging: scratch.at('state/staging'),
    trash: scratch.at('state/trash'),
  })
  return { trash: new Trash(area, { keepDays, maxBytes }, newClock(scratch)), confined }
}

test('what is thrown away keeps its path, and a name that is taken gets a suffix', () => {
  using scratch = new Scratch()
  const { trash, confined } = open(scratch, 7)
  for (const content of ['first', 'second']) {
    mkdirSync(scratch.at('root/a/b'), { recursive: true })
    writeFileSync(scratch.at('root/a/b/c'), content)
    atOnce(trash.throwAway(() => scratch.at('root/a/b/c'), 'a/b/c'))
  }
  writeFileSync(scratch.at('root/under'), 'below a file')
  atOnce(trash.throwAway(() => scratch.at('root/under'), 'a/b/c/under'))
  assert.equal(readFileSync(scratch.at('state/trash', BATCH, 'a/b/c'), 'utf8'), 'first')
  assert.equal(readFileSync(scratch.at('state/trash', BATCH, 'a/b/c~1'), 'utf8'), 'second')
  assert.equal(readFileSync(scratch.at('state/trash', BATCH, 'displaced'), 'utf8'), 'below a file')
  confined[Symbol.dispose]()
})

test('a path too long for the trash is kept under another name', () => {
  using scratch = new Scratch()
  const { trash, confined } = open(scratch, 7)
  writeFileSync(scratch.at('root/x'), 'deep')
  atOnce(trash.throwAway(() => scratch.at('root/x'), Array.from({ length: 40 }, () => 'n'.repeat(100)).join('/')))
  assert.deepEqual(readdirSync(scratch.at('state/trash', BATCH)), ['displaced'])
  confined[Symbol.dispose]()
})

test('batches older than the days to keep go, younger ones stay; with no days nothing is kept', () => {
  using scratch = new Scratch()
  const { trash, confined } = open(scratch, 7)
  for (const [name, days] of [
    ['old', 7.1],
    ['young', 6.9],
  ] as const) {
    mkdirSync(scratch.at('state/trash', name, 'deep'), { recursive: true })
    const seconds = NOW / 1000 - days * 86_400
    utimesSync(scratch.at('state/trash', name), seconds, seconds)
  }
  assert.equal(atOnce(trash.purge()).batches, 1)
  assert.deepEqual(readdirSync(scratch.at('state/trash')), ['young'])
  confined[Symbol.dispose]()
  using another = new Scratch()
  const { trash: none, confined: others } = open(another, 0)
  mkdirSync(another.at('root/d/e'), { recursive: true })
  atOnce(none.throwAway(() => another.at('root/d'), 'd'))
  assert.deepEqual(readdirSync(another.at('root')), [])
  assert.deepEqual(none.status, { batches: 0, bytes: 0, oldestAt: null })
  atOnce(none.purge())
  assert.deepEqual(readdirSync(another.at('state/trash')), [])
  others[Symbol.dispose]()
})

test('the oldest batches go first when there is too much, the latest one stays; a pause begins a new batch', () => {
  using scratch = new Scratch()
  const { trash, confined } = open(scratch, 7, 2_500)
  const throwAway = (name: string, bytes: number) => {
    mkdirSync(scratch.at('root', name))
    writeFileSync(scratch.at('root', name, 'file'), Buffer.alloc(bytes))
    atOnce(trash.throwAway(() => scratch.at('root', name), name))
  }
  const batches = () => readdirSync(scratch.at('state/trash')).sort()
  assert.equal(trash.status.oldestAt, null)
  throwAway('a', 1_000)
  pass(599_000)
  throwAway('b', 1_000)
  assert.deepEqual(batches(), [BATCH])
  pass(601_000)
  throwAway('c', 400)
  assert.equal(atOnce(trash.purge()).batches, 0)
  const oldestAt = new Date(NOW + 599_000).toISOString()
  assert.deepEqual(trash.status, { batches: 2, bytes: 2_400, oldestAt })
  const { trash: other } = open(scratch, 7)
  atOnce(other.measure())
  assert.equal(other.status.bytes, 2_400)
  throwAway('d', 101)
  assert.equal(atOnce(trash.purge()).batches, 1)
  const { batches: left, bytes } = trash.status
  assert.deepEqual([left, bytes], [1, 501])
  throwAway('e', 5_000)
  assert.equal(atOnce(trash.purge()).batches, 0)
  assert.ok(existsSync(scratch.at('state/trash', batches()[0] ?? '', 'e/file')))
  clock.ms = NOW
  confined[Symbol.dispose]()
})

test('a symlink that was thrown away leads nothing that follows out of the trash', () => {
  using scratch = new Scratch()
  const { trash, confined } = open(scratch, 7)
  mkdirSync(scratch.at('outside'))
  symlinkSync(scratch.at('outside'), scratch.at('root/a'))
  atOnce(trash.throwAway(() => scratch.at('root/a'), 'a'))
  writeFileSync(scratch.at('root/b'), 'of a directory that was called a')
  atOnce(trash.throwAway(() => scratch.at('root/b'), 'a/b'))
  assert.deepEqual(readdirSync(scratch.at('outside')), [])
  assert.deepEqual(readdirSync(scratch.at('state/trash', BATCH)).sort(), ['a', 'displaced'])
  confined[Symbol.dispose]()
})

test('what others have put into the trash takes in nothing: symlinks, files, and directories that are not ours', (t) => {
  using scratch = new Scratch()
  mkdirSync(scratch.at('outside'))
  mkdirSync(scratch.at('state/trash'), { recursive: true })
  const later = NOW / 1000 + 86_400
  symlinkSync(scratch.at('outside'), scratch.at('state/trash/2026-02-01T08-15-00-000Z'))
  lutimesSync(scratch.at('state/trash/2026-02-01T08-15-00-000Z'), later, later)
  symlinkSync(scratch.at('outside'), scratch.at('state/trash', BATCH))
  const { trash, confined } = open(scratch, 7)
  const throwAway = () => {
    mkdirSync(scratch.at('root/cron.d'), { recursive: true })
    writeFileSync(scratch.at('root/cron.d/job'), '* * * * * root id')
    atOnce(trash.throwAway(() => scratch.at('root/cron.d/job'), 'cron.d/job'))
  }
  assert.throws(throwAway, { code: 'EEXIST' })
  pass(1)
  throwAway()
  const own = BATCH.replace('007', '008')
  assert.deepEqual(readdirSync(scratch.at('outside')), [])
  assert.deepEqual(readdirSync(scratch.at('state/trash', own)), ['cron.d'])
  confined[Symbol.dispose]()
  clock.ms = NOW
  if (userInfo().uid !== 0) return t.diagnostic('directories of other users need root')
  const foreign = '2026-02-02T08-15-00-000Z'
  mkdirSync(scratch.at('state/trash', foreign))
  chownSync(scratch.at('state/trash', foreign), 65_534, 65_534)
  utimesSync(scratch.at('state/trash', foreign), later, later)
  utimesSync(scratch.at('state/trash', own), NOW / 1000, NOW / 1000)
  const { trash: next, confined: others } = open(scratch, 7)
  writeFileSync(scratch.at('root/x'), '')
  atOnce(next.throwAway(() => scratch.at('root/x'), 'x'))
  assert.deepEqual(readdirSync(scratch.at('state/trash', foreign)), [])
  others[Symbol.dispose]()
})

test('names at the limit of the kernel do not collide, and are shortened between two characters', () => {
  using scratch = new Scratch()
  const { trash, confined } = open(scratch, 7)
  const names = ['n'.repeat(255), 'ü'.repeat(127)]
  for (const name of names) {
    for (const content of ['first', 'second', 'third']) {
      writeFileSync(scratch.at('root', name), content)
      atOnce(trash.throwAway(() => scratch.at('root', name), name))
    }
  }
  const batch = scratch.at('state/trash', BATCH)
  const kept = readdirSync(batch)
  assert.deepEqual(
    kept.sort(),
    [
      ...['n'.repeat(253), 'n'.repeat(253)].map((name, number) => `${name}~${number + 1}`),
      'n'.repeat(255),
      'ü'.repeat(126).concat('~1'),
      'ü'.repeat(126).concat('~2'),
      'ü'.repeat(127),
    ].sort(),
  )
  // Bytes that are no valid UTF-8 take three each when they are replaced.
  const strange = Buffer.concat([Buffer.from(`${scratch.at('root')}/`), Buffer.alloc(255, 0xfc)])
  for (const content of ['fourth', 'fifth']) {
    writeFileSync(strange, content)
    atOnce(trash.throwAway(() => strange, '\ufffd'.repeat(255)))
  }
  assert.equal(readdirSync(batch).length, 8)
  confined[Symbol.dispose]()
})

test('a batch that cannot be deleted holds up no other, and is tried again', (t) => {
  using scratch = new Scratch()
  const { trash, confined } = open(scratch, 7)
  for (const name of ['a', 'b', 'c']) {
    mkdirSync(scratch.at('root', name))
    writeFileSync(scratch.at('root', name, 'file'), name)
    atOnce(trash.throwAway(() => scratch.at('root', name), name))
    pass(601_000)
  }
  const [oldest = ''] = readdirSync(scratch.at('state/trash')).sort()
  const stubborn = scratch.at('state/trash', oldest, 'a/file')
  if (spawnSync('chattr', ['+i', stubborn]).status !== 0) return t.skip('no file can be made immutable here')
  pass(8 * 86_400_000)
  const { batches, withstood } = atOnce(trash.purge())
  const [left = ''] = readdirSync(scratch.at('state/trash'))
  assert.equal(batches, 3)
  assert.deepEqual(
    withstood.map(({ code }) => code),
    ['EPERM'],
  )
  assert.deepEqual(readdirSync(scratch.at('state/trash')), [left])
  assert.equal(trash.status.batches, 0)
  // Another process finds it by its name.
  const { trash: other } = open(scratch, 7)
  assert.equal(atOnce(other.purge()).withstood.length, 1)
  assert.equal(spawnSync('chattr', ['-i', scratch.at('state/trash', left, 'file')]).status, 0)
  assert.deepEqual(atOnce(trash.purge()), { batches: 0, withstood: [] })
  assert.deepEqual(readdirSync(scratch.at('state/trash')), [])
  clock.ms = NOW
  confined[Symbol.dispose]()
})

test('what is deleted may be deep, and closed to its own owner', () => {
  using scratch = new Scratch()
  const { trash, confined } = open(scratch, 0)
  let at = scratch.at('root/deep')
  for (let depth = 0; depth < 300; depth += 1, at = join(at, 'd')) mkdirSync(at)
  writeFileSync(join(at, '..', 'file'), '')
  chmodSync(scratch.at('root/deep/d'), 0o500)
  chmodSync(scratch.at('root/deep'), 0o500)
  atOnce(trash.throwAway(() => scratch.at('root/deep'), 'deep'))
  assert.deepEqual(atOnce(trash.purge()), { batches: 0, withstood: [] })
  assert.deepEqual(readdirSync(scratch.at('state/trash')), [])
  confined[Symbol.dispose]()
})

const DAY_MS = 86_400_000
const YEAR_MS = 365 * DAY_MS

test('a clock that is set forward, or back, ends no batch before its days are over, and keeps none for ever', () => {
  using scratch = new Scratch()
  clock.ms = NOW
  const thrown = (trash: Trash, name: string) => {
    writeFileSync(scratch.at('root', name), name)
    atOnce(trash.throwAway(() => scratch.at('root', name), name))
  }
  const first = open(scratch, 7)
  thrown(first.trash, 'a')
  atOnce(first.trash.purge())
  for (const set of [YEAR_MS, -3 * YEAR_MS, 2 * YEAR_MS]) {
    pass(3_600_000)
    clock.ms += set
    assert.equal(atOnce(first.trash.purge()).batches, 0, `set by ${set / DAY_MS} days`)
  }
  first.confined[Symbol.dispose]()
  const second = open(scratch, 7)
  clock.ms += YEAR_MS
  assert.equal(atOnce(second.trash.purge()).batches, 0, 'set between two processes')
  second.confined[Symbol.dispose]()
  clock.ms += YEAR_MS
  clock.up = 60_000
  clock.boot = 'boot-2'
  const third = open(scratch, 7)
  assert.equal(atOnce(third.trash.purge()).batches, 0, 'set while the machine was off')
  pass(7.1 * DAY_MS)
  assert.equal(atOnce(third.trash.purge()).batches, 1, 'its days are over')
  third.confined[Symbol.dispose]()
})

test('the days of a batch count from the last object that was thrown into it, for the next process too', () => {
  using scratch = new Scratch()
  clock.ms = Date.now()
  const { trash, confined } = open(scratch, 0.02)
  mkdirSync(scratch.at('root/d'))
  for (let minute = 0; minute < 45; minute += 9) {
    writeFileSync(scratch.at('root/d/x'), String(minute))
    atOnce(trash.throwAway(() => scratch.at('root/d/x'), 'd/x'))
    pass(540_000)
  }
  confined[Symbol.dispose]()
  const next = open(scratch, 0.02)
  assert.equal(atOnce(next.trash.purge()).batches, 0)
  next.confined[Symbol.dispose]()
})

test('a batch that somebody else has removed is forgotten', () => {
  using scratch = new Scratch()
  clock.ms = NOW
  const { trash, confined } = open(scratch, 7)
  writeFileSync(scratch.at('root/a'), 'a')
  atOnce(trash.throwAway(() => scratch.at('root/a'), 'a'))
  rmSync(scratch.at('state/trash', BATCH), { recursive: true })
  pass(8 * DAY_MS)
  assert.deepEqual(atOnce(trash.purge()), { batches: 0, withstood: [] })
  assert.equal(trash.status.batches, 0)
  confined[Symbol.dispose]()
})
