/** Laws of the plan, on paper and carried out on a real disk. */
import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ConfinedDirectories } from '@rootferry/host/machine'
import { isEntryPath, isWithin, joinPath, microseconds, parentPath, ROOT_PATH } from '@rootferry/protocol'
import fc from 'fast-check'
import { atOnce, MTIME, Scratch } from '../../../test-support/test-feed.ts'
import { Removal } from '../area/removal.ts'
import { Trash } from '../area/trash.ts'
import { WorkArea } from '../area/work-area.ts'
import type { DiskObject } from '../files/disk-object.ts'
import { NO_EXTENDED } from '../files/extended.ts'
import { LEAVE, type StagedChange } from '../files/staged-change.ts'
import { TimeGrains } from '../files/time-grains.ts'
import { Untouchable } from '../files/untouchable.ts'
import { probeCreation, Staging } from '../stage/staging.ts'
import { AskedFirst } from './asked-first.ts'
import { Burst } from './burst.ts'
import { makePlan } from './plan.ts'

interface Item {
  kind: 'file' | 'directory' | 'symlink'
  mode: number
  mtime: number
  /** A file's content, a symlink's target. */
  text: string
}
type Model = Map<string, Item>

/** An answer to a want, of which nothing is owed. */
const ORDER = { before: [], owed: [], position: null, ahead: null, askedMs: null, keepsReplaced: false }
const PLANNED = { before: [], isOther: () => false }

const names = fc.constantFrom('a', 'b', 'c', '-x', 'é', 'n\n')
const items = fc.record({
  path: fc.array(names, { minLength: 1, maxLength: 3 }),
  kind: fc.constantFrom<Item['kind'][]>('file', 'file', 'directory', 'symlink'),
  mode: fc.constantFrom(0o644, 0o600, 0o755, 0o700, 0o555, 0o2755, 0o444),
  time: fc.integer({ min: -3, max: 3 }),
  text: fc.constantFrom('one', 'two', 'a', 'b/c'),
})
const models = fc.array(items, { maxLength: 14 }).map((drawn) => {
  const model: Model = new Map([[ROOT_PATH, { kind: 'directory', mode: 0o755, mtime: MTIME, text: '' }]])
  for (const { path, kind, mode, time, text } of drawn) {
    let at = ROOT_PATH
    for (const name of path.slice(0, -1)) {
      at = joinPath(at, name)
      if (model.get(at)?.kind !== 'directory')
        put(model, at, { kind: 'directory', mode: 0o755, mtime: MTIME, text: '' })
    }
    put(model, path.join('/'), { kind, mode, mtime: MTIME + time * 999_999, text })
  }
  return model
})

function put(model: Model, path: string, item: Item): void {
  if (item.kind !== 'directory') for (const below of [...model.keys()]) if (isWithin(below, path)) model.delete(below)
  const isFile = item.kind === 'file'
  const mode = item.kind === 'symlink' ? 0o777 : item.mode
  // Without root, this test must be able to look into its directories.
  const usual = isFile ? mode & 0o777 : item.kind === 'directory' ? mode | 0o500 : mode
  model.set(path, { ...item, mode: usual, text: item.kind === 'directory' ? '' : item.text })
}

/** The changes that an agent would send to turn one model into the other; contents are staged on the way. */
function stageDifference(from: Model, to: Model, staging: Staging): StagedChange[] {
  const changes: StagedChange[] = []
  for (const [path, item] of to) {
    const { kind, mode, mtime, text } = item
    const old = from.get(path)
    if (old !== undefined && JSON.stringify(old) === JSON.stringify(item)) continue
    const attributes = { mode, mtime, uid: LEAVE, gid: LEAVE }
    const base = { path, ...attributes }
    if (kind === 'directory') {
      const exists = old?.kind === 'directory' || path === ROOT_PATH
      changes.push({ kind, ...base, staged: exists ? null : staging.directory(path, attributes) })
    } else if (kind === 'symlink') changes.push({ kind, ...base, staged: staging.symlink(path, attributes, text) })
    else {
      const keeps = old?.kind === 'file' && old.text === text
      const staged = keeps ? null : staging.file(path, attributes, Buffer.from(text))
      changes.push({ kind, ...base, size: text.length, staged })
    }
  }
  for (const path of from.keys()) if (!to.has(path)) changes.push({ kind: 'absent', path })
  return changes
}

function readModel(root: string): Model {
  const model: Model = new Map()
  const read = (path: string) => {
    const location = join(root, path)
    const status = lstatSync(location)
    const common = { mode: status.mode & 0o7777, mtime: microseconds(status.mtimeMs) }
    if (status.isDirectory()) {
      model.set(path, { kind: 'directory', ...common, text: '' })
      for (const name of readdirSync(location)) read(joinPath(path, name))
    } else if (status.isSymbolicLink()) model.set(path, { kind: 'symlink', ...common, text: readlinkSync(location) })
    else model.set(path, { kind: 'file', ...common, text: readFileSync(location, 'utf8') })
  }
  read(ROOT_PATH)
  return model
}

const asObject = (model: Model) => Object.fromEntries([...model].sort())

test('apply(a, difference(a, b)) is b on a real disk, also when the burst is interrupted at any step', () => {
  fc.assert(
    fc.property(models, models, fc.nat({ max: 40 }), (before, after, interruptAt) => {
      using scratch = new Scratch()
      mkdirSync(scratch.at('root'))
      mkdirSync(scratch.at('state'))
      using confined = new ConfinedDirectories(scratch.at('root'))
      const creation = probeCreation(scratch.at('state'))
      const guard = { guardedRootTime: null, guardRootTime: () => undefined }
      const area = new WorkArea(confined, guard, creation, {
        staging: scratch.at('state/staging'),
        trash: scratch.at('state/trash'),
      })
      const untouchable = new Untouchable([])
      const trash = new Trash(area, { keepDays: 7, maxBytes: 1_000_000 }, { now: Date.now, setForwardMs: () => 0 })
      let steps = Number.POSITIVE_INFINITY
      const beforeStep = () => {
        steps -= 1
        if (steps === 0) throw Object.assign(new Error('EIO: injected'), { code: 'EIO', syscall: 'rename' })
      }
      const removal = new Removal({ confined, trash, untouchable })
      const burst = new Burst({
        ...{ confined, area, removal, trash, untouchable, creation, beforeStep },
        insistOnPlace: () => undefined,
        grains: new TimeGrains(),
        extended: NO_EXTENDED,
        isForeign: () => false,
        askedFirst: new AskedFirst(),
        lacksContent: () => false,
        lackOn: () => null,
        inheritance: { differs: () => false, givesOwners: true },
      })
      let present: Model = new Map()
      for (const wanted of [before, after]) {
        const staging = new Staging(area, creation, NO_EXTENDED, assert.fail)
        const changes = stageDifference(present, wanted, staging)
        const order = { ...ORDER, changes }
        const plan = burst.plan({ ...order, isAnswer: true })
        if (wanted === after) steps = interruptAt + 1
        let outcome = null
        try {
          outcome = atOnce(burst.run({ ...order, before: plan.before }, plan))
        } catch (error) {
          assert.match(String(error), /EIO: injected/)
          outcome = atOnce(burst.run({ ...order, before: plan.before }, null))
        }
        steps = Number.POSITIVE_INFINITY
        assert.deepEqual(outcome.problems, [])
        assert.deepEqual(outcome.owed, [])
        assert.deepEqual(asObject(readModel(scratch.at('root'))), asObject(wanted))
        atOnce(area.tidy(new Set()))
        present = wanted
      }
      assert.deepEqual(readdirSync(scratch.at('state/trash')), [])
      area.close()
    }),
    { numRuns: 150 },
  )
})

const objects = fc.record({
  kind: fc.constantFrom('file', 'directory', 'symlink', 'other') as fc.Arbitrary<DiskObject['kind']>,
  size: fc.constantFrom(0, 3),
  mode: fc.constantFrom(0o644, 0o755, 0o500),
  uid: fc.constant(0),
  gid: fc.constant(0),
  mtime: fc.constant(MTIME),
})
const paths = fc.array(fc.constantFrom('a', 'b', 'keep', '.rootferry'), { minLength: 1, maxLength: 3 })
const changeSets = fc.uniqueArray(
  fc.record({ path: paths, kind: fc.constantFrom('absent', 'file', 'directory', 'symlink'), keeps: fc.boolean() }),
  { maxLength: 12, selector: ({ path }) => path.join('/') },
)

test('a plan names no path outside the root, nor one that is protected or reserved, whatever is on disk', () => {
  const untouchable = new Untouchable(['keep'])
  const creation = { uid: 0, gid: 0, exactModes: true, privileged: false }
  fc.assert(
    fc.property(
      changeSets,
      fc.dictionary(
        paths.map((path) => path.join('/')),
        objects,
      ),
      (drawn, disk) => {
        const changes = drawn.map(({ path, kind, keeps }, index): StagedChange => {
          const base = { path: path.join('/'), mode: 0o755, uid: 0, gid: 0, mtime: MTIME, staged: String(index) }
          if (kind === 'absent') return { kind, path: base.path }
          if (kind === 'file') return { ...base, kind, size: 3, staged: keeps ? null : base.staged }
          return kind === 'directory' ? { ...base, kind } : { ...base, kind: 'symlink' }
        })
        const allowed = changes.filter(({ path, kind }) => kind === 'absent' || !untouchable.protects(path, 'file'))
        const lookUp = (path: string): DiskObject | null => {
          if (path === ROOT_PATH) return { kind: 'directory', size: 0, mode: 0o755, uid: 0, gid: 0, mtime: MTIME }
          return lookUp(parentPath(path))?.kind === 'directory' ? (disk[path] ?? null) : null
        }
        let plan: ReturnType<typeof makePlan>
        try {
          plan = makePlan({ ...PLANNED, changes: allowed, lookUp, untouchable, creation })
        } catch (error) {
          assert.match(String(error), /contradict each other/)
          return
        }
        for (const operation of plan.operations) {
          assert.ok(isEntryPath(operation.path) && operation.path !== ROOT_PATH, operation.path)
          assert.ok(
            !untouchable.protects(operation.path, 'directory') || operation.do === 'open',
            JSON.stringify(operation),
          )
        }
        const finished = plan.finish.map(({ path }) => path)
        assert.equal(new Set(finished).size, finished.length)
        finished.forEach((path, index) => {
          const above = finished.slice(0, index).find((earlier) => earlier !== path && isWithin(path, earlier))
          assert.equal(above, undefined, `${path} is finished after ${above}`)
        })
      },
    ),
    { numRuns: 2000 },
  )
})

test('changes that contradict each other are refused', () => {
  const untouchable = new Untouchable([])
  const creation = { uid: 0, gid: 0, exactModes: true, privileged: true }
  const base = { mode: 0o644, uid: 0, gid: 0, mtime: 0, size: 1, staged: '1' }
  const sets: StagedChange[][] = [
    [{ kind: 'absent', path: '.' }],
    [{ kind: 'file', path: '.', ...base }],
    [
      { kind: 'file', path: 'a', ...base },
      { kind: 'file', path: 'a/b/c', ...base },
    ],
    [
      { kind: 'file', path: 'a/b', ...base },
      { kind: 'absent', path: 'a' },
    ],
  ]
  for (const changes of sets) {
    const input = { ...PLANNED, changes, untouchable, creation, lookUp: () => null }
    assert.throws(() => makePlan(input), /contradict each other/)
  }
})

test('new objects are placed before replaced ones, names after their files, and a symlink that is replaced comes last', () => {
  const creation = { uid: 0, gid: 0, exactModes: true, privileged: true }
  const base = { mode: 0o644, uid: 0, gid: 0, mtime: 0, size: 1 }
  const changes: StagedChange[] = [
    { kind: 'symlink', path: 'current', ...base, staged: '1' },
    { kind: 'file', path: 'index.php', ...base, staged: '2' },
    { kind: 'symlink', path: 'newest', ...base, staged: '3' },
    { kind: 'file', path: 'new.php', ...base, staged: '4' },
    { kind: 'absent', path: 'old.php' },
    { kind: 'link', path: 'name of the new.php', to: 'new.php', size: 1, mtime: 0 },
    { kind: 'link', path: 'name of the replaced.php', to: 'index.php', size: 1, mtime: 0 },
    { kind: 'link', path: 'name of that name.php', to: 'name of the replaced.php', size: 1, mtime: 0 },
    { kind: 'link', path: 'other before.php', to: 'new.php', size: 1, mtime: 0 },
    { kind: 'file', path: 'touched.php', ...base, staged: null, mtime: 1 },
    { kind: 'link', path: 'name of the touched.php', to: 'touched.php', size: 1, mtime: 1 },
  ]
  const there = new Set(['.', 'current', 'index.php', 'old.php', 'other before.php', 'touched.php'])
  const lookUp = (path: string): DiskObject | null =>
    there.has(path) ? { kind: path === '.' ? 'directory' : path === 'current' ? 'symlink' : 'file', ...base } : null
  const { operations } = makePlan({ ...PLANNED, changes, untouchable: new Untouchable([]), creation, lookUp })
  assert.deepEqual(
    operations.map(({ path }) => path),
    [
      'new.php',
      'name of the new.php',
      'newest',
      'index.php',
      'touched.php',
      'name of the replaced.php',
      'name of that name.php',
      'other before.php',
      'name of the touched.php',
      'current',
      'old.php',
    ],
  )
})
