/** The ledger over restarts, losses of power and damage. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { test } from 'node:test'
import { Failure, MOST_HOOK_PATHS } from '@rootferry/host/machine'
import { Scratch } from '../../../test-support/test-feed.ts'
import type { OwedPath } from './debt-rows.ts'
import { Ledger } from './ledger.ts'
import { LedgerFile } from './ledger-file.ts'

const notes: string[] = []
const log = (_level: string, message: string) => notes.push(message)
const at = (sequence: number, term = 't1', epoch = 'e1') => ({ epoch, term, sequence })
const commit = (ledger: Ledger, sequence: number) =>
  ledger.recordCommit({ position: at(sequence), cleared: [], owed: [] })

const pathsOf = (owed: readonly OwedPath[]) => owed.map(({ path }) => path)

test('a new ledger knows nothing, and a restart knows what was committed', () => {
  using scratch = new Scratch()
  let ledger = Ledger.open(scratch.path, 'boot', log)
  assert.equal(ledger.position, null)
  ledger.setPosition(at(0))
  commit(ledger, 5)
  ledger.recordDurable(at(5), ledger.debts.commits)
  commit(ledger, 7)
  ledger.close(false)
  ledger = Ledger.open(scratch.path, 'boot', log)
  assert.deepEqual(ledger.position, at(7))
  assert.equal(ledger.durableSequence, 5)
  ledger.close(true)
})

test('what was being synced when a target was emptied makes nothing durable of the next, in the same epoch', () => {
  using scratch = new Scratch()
  const ledger = Ledger.open(scratch.path, 'boot', log)
  ledger.setPosition(at(0))
  commit(ledger, 5)
  const underWay = ledger.debts.commits
  ledger.forgetTarget()
  ledger.setPosition(at(0))
  assert.equal(ledger.recordDurable(at(5), underWay), false)
  assert.equal(ledger.durableSequence, 0)
  commit(ledger, 7)
  assert.equal(ledger.recordDurable(at(5), underWay), false)
  assert.equal(ledger.recordDurable(at(7), ledger.debts.commits), true)
  assert.equal(ledger.durableSequence, 7)
  ledger.close(true)
})

test('rows of a series that was forgotten take no room of the next one, after a restart neither', () => {
  using scratch = new Scratch()
  let ledger = Ledger.open(scratch.path, 'boot', log)
  ledger.setPosition(at(0))
  const rows = ['a', 'b'].map((path) => ({ path, change: null, isOwed: false }))
  ledger.staged.put({ epoch: 'e1', term: 't1', base: 0, to: 2, mapping: null }, rows, [])
  assert.equal(ledger.staged.count, 2)
  ledger.forgetPosition()
  assert.equal(ledger.staged.count, 0)
  ledger.close(false)
  ledger = Ledger.open(scratch.path, 'boot', log)
  assert.deepEqual([ledger.staged.series, ledger.staged.count], [null, 0])
  ledger.close(true)
})

test('that a ledger is in use again is on the disk before anything that comes after it', (t) => {
  using scratch = new Scratch()
  const { synced, run } = LedgerFile.prototype
  let isSynced = false
  const taken: boolean[] = []
  t.mock.method(LedgerFile.prototype, 'synced', function (this: LedgerFile, act: () => void) {
    isSynced = true
    synced.call(this, act)
    isSynced = false
  })
  t.mock.method(LedgerFile.prototype, 'run', function (this: LedgerFile, sql: string, ...values: SQLInputValue[]) {
    if (/boot_id = \?, clean = 0/.test(sql)) taken.push(isSynced)
    run.call(this, sql, ...values)
  })
  Ledger.open(scratch.path, 'boot', log).close(true)
  Ledger.open(scratch.path, 'next boot', log).close(true)
  assert.deepEqual(taken, [true, true])
})

test('a loss of power falls back to what was durable, and drops the intent; a clean end or a mere kill does not', () => {
  for (const [clean, boot, expected] of [
    [false, 'boot-2', 5],
    [true, 'boot-2', 7],
    [false, 'boot-1', 7],
  ] as const) {
    using scratch = new Scratch()
    let ledger = Ledger.open(scratch.path, 'boot-1', log)
    ledger.setPosition(at(0))
    commit(ledger, 5)
    ledger.recordDurable(at(5), ledger.debts.commits)
    ledger.recordCommit({ position: at(7, 't2'), cleared: [], owed: [] })
    ledger.partials.save({ path: 'p', epoch: 'e1', content: 1, staged: 'p1', bytes: 3, size: 9 })
    ledger.recordIntent('{}', [])
    ledger.close(clean)
    ledger = Ledger.open(scratch.path, boot, log)
    assert.deepEqual(ledger.position, expected === 5 ? at(5, 't1') : at(7, 't2'))
    assert.equal(ledger.hasIntent, expected === 7)
    assert.equal(ledger.intent(), expected === 7 ? '{}' : null)
    assert.equal(ledger.partials.all().length, expected === 7 ? 1 : 0)
    ledger.close(false)
  }
})

test('a target is after a loss of power until it has caught up, and a repair that was lost makes its directory owed', () => {
  using scratch = new Scratch()
  let ledger = Ledger.open(scratch.path, 'boot-1', log)
  ledger.setPosition(at(0))
  ledger.recordCommit({ position: at(5), cleared: [], owed: ['a/b'] })
  ledger.complete()
  ledger.recordDurable(at(5), ledger.debts.commits)
  ledger.recordCommit({ position: null, cleared: ['a/b'], owed: [] })
  for (const boot of ['boot-2', 'boot-2']) {
    ledger.close(false)
    ledger = Ledger.open(scratch.path, boot, log)
    assert.ok(ledger.isAfterLoss)
  }
  assert.deepEqual(pathsOf(ledger.debts.owed('', 9)), ['a', 'a/b'])
  ledger.complete()
  ledger.close(false)
  ledger = Ledger.open(scratch.path, 'boot-2', log)
  assert.ok(!ledger.isAfterLoss)
  ledger.close(true)
})

test('a loss of power before anything was durable leaves no position', () => {
  using scratch = new Scratch()
  let ledger = Ledger.open(scratch.path, 'boot-1', log)
  ledger.setPosition(at(0))
  commit(ledger, 3)
  ledger.close(false)
  ledger = Ledger.open(scratch.path, 'boot-2', log)
  assert.equal(ledger.position, null)
  ledger.close(false)
})

test('a repair that was not synced yet is owed again after a loss of power, and not after a mere kill', () => {
  for (const [synced, boot, owed] of [
    [false, 'boot-2', ['.', 'b', 'c']],
    [false, 'boot-1', ['c']],
    [true, 'boot-2', ['c']],
  ] as const) {
    using scratch = new Scratch()
    let ledger = Ledger.open(scratch.path, 'boot-1', log)
    ledger.setPosition(at(5))
    ledger.recordCommit({ position: at(5), cleared: [], owed: ['a', 'b', 'c'] })
    ledger.recordCommit({ position: null, cleared: ['a'], owed: [] })
    ledger.recordDurable(at(5), ledger.debts.commits)
    const mark = ledger.debts.commits
    ledger.recordCommit({ position: null, cleared: ['b'], owed: [] })
    // A round that began before the repair does not cover it.
    ledger.recordDurable(at(5), synced ? ledger.debts.commits : mark)
    assert.deepEqual(pathsOf(ledger.debts.owed('', 10)), ['c'])
    ledger.close(false)
    ledger = Ledger.open(scratch.path, boot, log)
    assert.deepEqual(pathsOf(ledger.debts.owed('', 10)), owed)
    assert.equal(ledger.debts.count, owed.length)
    ledger.close(false)
  }
})

test('a ledger of the version before is taken over with what it owes', () => {
  using scratch = new Scratch()
  Ledger.open(scratch.path, 'boot', log).close(true)
  const database = new DatabaseSync(scratch.at('ledger.sqlite'))
  database.exec(`DROP TABLE repaired; DROP TABLE hook_path; DROP TABLE series; DROP TABLE staged; DROP TABLE mapping; DROP TABLE ahead;
    ALTER TABLE state DROP COLUMN complete; ALTER TABLE state DROP COLUMN after_loss;
    ALTER TABLE state DROP COLUMN preserved; ALTER TABLE state DROP COLUMN volumes; ALTER TABLE state DROP COLUMN protect; ALTER TABLE owed DROP COLUMN digest;
    INSERT INTO owed VALUES ('a'); PRAGMA user_version = 1`)
  database.close()
  const ledger = Ledger.open(scratch.path, 'boot', log)
  ledger.recordCommit({ position: null, cleared: ['a'], owed: ['b'] })
  assert.deepEqual(pathsOf(ledger.debts.owed('', 10)), ['b'])
  ledger.close(true)
})

test('a sequence never goes back within an epoch', () => {
  using scratch = new Scratch()
  const ledger = Ledger.open(scratch.path, 'boot', log)
  ledger.setPosition(at(10))
  commit(ledger, 4)
  assert.deepEqual(ledger.position, at(10))
  assert.throws(() => ledger.setPosition(at(9)), assert.AssertionError)
  assert.equal(ledger.recordDurable(at(8), ledger.debts.commits), true)
  assert.equal(ledger.recordDurable(at(8), ledger.debts.commits), false)
  assert.equal(ledger.recordDurable(at(6), ledger.debts.commits), false)
  assert.equal(ledger.recordDurable(at(11), ledger.debts.commits), false, 'beyond what is committed')
  assert.equal(ledger.recordDurable(at(99, 't', 'another'), ledger.debts.commits), false)
  ledger.setPosition(at(2, 't9', 'e2'))
  assert.equal(ledger.durableSequence, 0)
  ledger.close(false)
})

test('owed paths, the filter and partials outlive a restart; a new epoch drops the partials of the old one', () => {
  using scratch = new Scratch()
  let ledger = Ledger.open(scratch.path, 'boot', log)
  ledger.setPosition(at(1))
  ledger.setFilter(['*.log'])
  ledger.partials.save({ path: 'big', epoch: 'e1', content: 4, staged: 'p1', bytes: 100, size: 300 })
  ledger.recordCommit({ position: at(2), cleared: [], owed: ['b', 'a', 'c'] })
  ledger.recordCommit({ position: null, cleared: ['b'], owed: ['a'] })
  ledger.close(false)
  ledger = Ledger.open(scratch.path, 'boot', log)
  assert.deepEqual(ledger.position, at(2))
  assert.equal(ledger.debts.count, 2)
  assert.deepEqual(pathsOf(ledger.debts.owed('', 1)), ['a'])
  assert.deepEqual(pathsOf(ledger.debts.owed('a', 10)), ['c'])
  assert.deepEqual(ledger.filter, ['*.log'])
  assert.equal(ledger.partials.all()[0]?.bytes, 100)
  ledger.setPosition(at(0, 't', 'e2'))
  assert.deepEqual(ledger.partials.all(), [])
  ledger.close(false)
})

test('a damaged ledger is set aside and a new one begun', () => {
  using scratch = new Scratch()
  for (const number of [1, 2]) {
    const ledger = Ledger.open(scratch.path, 'boot', log)
    assert.equal(ledger.position, null)
    ledger.setPosition(at(4))
    ledger.close(true)
    writeFileSync(scratch.at('ledger.sqlite'), 'this is no database '.repeat(500))
    notes.length = 0
    const next = Ledger.open(scratch.path, 'boot', log)
    assert.equal(next.position, null)
    next.close(true)
    assert.match(notes.join(), /damaged/)
    assert.match(readFileSync(scratch.at(`ledger.corrupt-${number}`), 'utf8'), /^this is no database/)
  }
  assert.ok(!readdirSync(scratch.path).includes('ledger.corrupt-3'))
})

test('a ledger of a newer version, in use, or unreadable as a file is refused with one line', () => {
  using scratch = new Scratch()
  const ledger = Ledger.open(scratch.path, 'boot', log)
  const oneLine = (pattern: RegExp, exitCode: number) => (error: unknown) =>
    error instanceof Failure && error.exitCode === exitCode && pattern.test(error.message) && !/\n/.test(error.message)
  assert.throws(() => Ledger.open(scratch.path, 'boot', log), oneLine(/in use/, 1))
  ledger.close(true)
  const database = new DatabaseSync(scratch.at('ledger.sqlite'))
  database.exec('PRAGMA user_version = 99')
  database.close()
  assert.throws(() => Ledger.open(scratch.path, 'boot', log), oneLine(/newer/, 78))
  assert.ok(!existsSync(scratch.at('ledger.corrupt-1')))
  writeFileSync(scratch.at('file'), '')
  assert.throws(() => Ledger.open(scratch.at('file'), 'boot', log), oneLine(/cannot be opened/, 1))
})

test('a ledger of version 2 goes on: a target with a position counts as complete', () => {
  for (const isKnown of [true, false]) {
    using scratch = new Scratch()
    const ledger = Ledger.open(scratch.path, 'boot', log)
    if (isKnown) ledger.setPosition(at(4))
    ledger.close(true)
    const database = new DatabaseSync(scratch.at('ledger.sqlite'))
    database.exec(`DROP TABLE hook_path; DROP TABLE series; DROP TABLE staged; DROP TABLE mapping; DROP TABLE ahead;
      ALTER TABLE state DROP COLUMN complete; ALTER TABLE state DROP COLUMN after_loss;
      ALTER TABLE state DROP COLUMN preserved; ALTER TABLE state DROP COLUMN volumes; ALTER TABLE state DROP COLUMN protect; ALTER TABLE owed DROP COLUMN digest; PRAGMA user_version = 2`)
    database.close()
    const next = Ledger.open(scratch.path, 'boot', log)
    assert.equal(next.isComplete, isKnown)
    next.close(true)
  }
})

test('a target stays complete without a position, until it is another one or was lost with the power', () => {
  using scratch = new Scratch()
  let ledger = Ledger.open(scratch.path, 'boot', log)
  ledger.complete()
  ledger.forgetPosition()
  ledger.close(false)
  ledger = Ledger.open(scratch.path, 'boot', log)
  assert.ok(ledger.isComplete)
  ledger.forgetTarget()
  assert.ok(!ledger.isComplete)
  ledger.complete()
  ledger.close(false)
  ledger = Ledger.open(scratch.path, 'boot-2', log)
  assert.ok(!ledger.isComplete, 'nothing was synced')
  ledger.close(true)
})

test('runs of hooks are due until the ledger learns that they ended well, also after a restart', () => {
  using scratch = new Scratch()
  let ledger = Ledger.open(scratch.path, 'boot', log)
  const touched = (paths: string[]) => {
    const hooks = { matches: [{ hook: 0, key: 'purge', paths }], reason: 'change' as const }
    return ledger.recordCommit({ position: null, cleared: [], owed: [], hooks })[0]?.stamp ?? 0
  }
  const first = touched(['a', 'b'])
  touched(['b', 'c'])
  ledger.hooks.ran('purge', first)
  ledger.close(false)
  ledger = Ledger.open(scratch.path, 'boot', log)
  assert.deepEqual(ledger.hooks.due(0, 'purge')?.paths, ['b', 'c'])
  assert.deepEqual(ledger.hooks.allDue(['another']), [])
  assert.equal(ledger.hooks.due(0, 'purge'), null)
  const many = Array.from({ length: MOST_HOOK_PATHS + 2 }, (_, number) => `p${number}`)
  const last = touched(many)
  touched(['p1', 'new'])
  const due = ledger.hooks.due(0, 'purge')
  assert.deepEqual([due?.paths.length, due?.omitted], [MOST_HOOK_PATHS, 3])
  ledger.hooks.ran('purge', last)
  assert.deepEqual(ledger.hooks.due(0, 'purge')?.paths, ['p1'])
  ledger.close(true)
})
