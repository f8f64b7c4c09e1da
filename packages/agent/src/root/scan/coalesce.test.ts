/**
 * When batches are due and which hints they hold: examples by hand, and laws over random schedules with a punctual
 * owner.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isWithin, pathDepth, ROOT_PATH } from '@rootferry/protocol'
import fc from 'fast-check'
import type { Hint } from '../watch/watcher.ts'
import { Coalescer } from './coalesce.ts'

const SETTLE_MS = 20
const MAX_WAIT_MS = 500
const OPTIONS = { settleMs: SETTLE_MS, maxWaitMs: MAX_WAIT_MS }

const entry = (path: string): Hint => ({ path, extent: 'entry' })
const subtree = (path: string): Hint => ({ path, extent: 'subtree' })

describe('the coalescer', () => {
  it('has nothing due before the first hint and after the last batch', () => {
    const coalescer = new Coalescer(OPTIONS)
    assert.equal(coalescer.dueAt(), null)
    coalescer.collect(entry('a'), 100)
    assert.deepEqual(coalescer.takeBatch(120), [entry('a')])
    assert.equal(coalescer.dueAt(), null)
    assert.deepEqual(coalescer.takeBatch(1_000), [])
  })

  it('waits until no new path was hinted at for the settle time', () => {
    const coalescer = new Coalescer(OPTIONS)
    coalescer.collect(entry('a'), 100)
    coalescer.collect(entry('b'), 110)
    assert.equal(coalescer.dueAt(), 130)
    assert.deepEqual(coalescer.takeBatch(129), [])
    assert.deepEqual(coalescer.takeBatch(130), [entry('a'), entry('b')])
  })

  it('gives up waiting when the first hint is as old as the maximum', () => {
    const coalescer = new Coalescer(OPTIONS)
    for (let at = 0; at <= 490; at += 10) coalescer.collect(entry(`f${at}`), at)
    assert.equal(coalescer.dueAt(), 500)
    const batch = coalescer.takeBatch(500)
    assert.equal(batch[0]?.path, 'f0')
    assert.deepEqual(coalescer.takeBatch(500), [])
    assert.equal(coalescer.dueAt(), 510, 'the file that was new 10 ms ago is left for the next batch')
  })

  it('keeps back a path that is still being written, and only that path', () => {
    const coalescer = new Coalescer(OPTIONS)
    coalescer.collect(entry('log'), 0)
    coalescer.collect(entry('page'), 1)
    for (let at = 2; at <= 21; at += 1) coalescer.collect(entry('log'), at)
    assert.equal(coalescer.dueAt(), 21)
    assert.deepEqual(coalescer.takeBatch(21), [entry('page')])
    assert.equal(coalescer.dueAt(), 36, 'the log, when it has been quiet')
  })

  it('covers a path with a hint at it or above it, and with one at anything below it does not', () => {
    const coalescer = new Coalescer(OPTIONS)
    const covered = () => ['site/current', 'site', 'other', ROOT_PATH].filter((path) => coalescer.covers(path))
    coalescer.collect(entry('site/current'), 0)
    assert.deepEqual(covered(), ['site/current'])
    coalescer.collect(entry('site'), 0)
    assert.deepEqual(covered(), ['site/current', 'site'])
    coalescer.collect(entry(ROOT_PATH), 0)
    assert.deepEqual(covered(), ['site/current', 'site', 'other', ROOT_PATH])
    coalescer.takeBatch(SETTLE_MS)
    assert.deepEqual(covered(), [])
  })

  it('takes a path that is written for ever once every maximum wait', () => {
    const coalescer = new Coalescer(OPTIONS)
    const taken: number[] = []
    for (let at = 0; at <= 2_000; at += 1) {
      if (coalescer.takeBatch(at).length > 0) taken.push(at)
      coalescer.collect(entry('log'), at)
    }
    assert.deepEqual(taken, [500, 1_000, 1_500, 2_000])
  })

  it('takes the last file of a burst with the burst, though it was written a moment after it was made', () => {
    const coalescer = new Coalescer(OPTIONS)
    coalescer.collect(entry('a'), 0)
    coalescer.collect(entry('b'), 1)
    coalescer.collect(entry('b'), 3)
    assert.deepEqual(coalescer.takeBatch(21), [entry('a'), entry('b')])
  })

  it('gives parents before children and drops what a subtree covers', () => {
    const coalescer = new Coalescer(OPTIONS)
    for (const hint of [entry('a/b/c/d'), entry('x/y'), subtree('a/b'), entry('a'), entry('a/bc'), subtree('a/b/e')]) {
      coalescer.collect(hint, 0)
    }
    assert.deepEqual(coalescer.takeBatch(20), [entry('a'), entry('x/y'), subtree('a/b'), entry('a/bc')])
  })

  it('gives many paths longer to settle, within the maximum', () => {
    const settling = (count: number, maxWaitMs = 5_000) => {
      const coalescer = new Coalescer({ settleMs: SETTLE_MS, maxWaitMs })
      for (let path = 0; path < count; path += 1) coalescer.collect(entry(`f${path}`), 0)
      return coalescer.dueAt()
    }
    assert.deepEqual(
      [1, 100, 200, 1_000, 9_000].map((count) => settling(count)),
      [20, 20, 40, 200, 1_000],
    )
    assert.equal(settling(9_000, MAX_WAIT_MS), MAX_WAIT_MS)
    const coalescer = new Coalescer(OPTIONS)
    for (let path = 0; path < 1_000; path += 1) coalescer.collect(entry(`f${path}`), 0)
    assert.equal(coalescer.takeBatch(200).length, 1_000)
    coalescer.collect(entry('after'), 300)
    assert.equal(coalescer.dueAt(), 320, 'the next save does not wait for the burst before it')
  })

  it('lets a save beside many hints go when it has settled by itself', () => {
    const coalescer = new Coalescer(OPTIONS)
    for (let number = 0; number < 400; number += 1) coalescer.collect(entry(`many/f${number}`), 0)
    coalescer.collect(entry('page'), 1)
    coalescer.collect(subtree('module'), 1)
    coalescer.collect(entry('module/part'), 1)
    coalescer.collect(entry('many'), 1)
    coalescer.collect(entry('log'), 2)
    coalescer.collect(entry('log'), 15)
    assert.equal(coalescer.earlyAt(2), 20, 'when the first of them might')
    assert.deepEqual(coalescer.takeEarly(20), [])
    assert.deepEqual(coalescer.takeEarly(21), [entry('page')], 'not what belongs to the many')
    assert.deepEqual(coalescer.takeBatch(21), [])
    assert.deepEqual(coalescer.takeEarly(35), [entry('log')], 'after its last hint')
    assert.equal(coalescer.takeBatch(100).length, 402, 'all others with the many, but what a subtree covers')
  })

  it('takes nothing early of hints that are few, or are few everywhere', () => {
    for (const [count, name] of [
      [200, (number: number) => `many/f${number}`],
      [400, (number: number) => `d${number}/f`],
    ] as const) {
      const coalescer = new Coalescer(OPTIONS)
      for (let number = 0; number < count; number += 1) coalescer.collect(entry(name(number)), 0)
      coalescer.collect(entry('page'), 0)
      assert.deepEqual(coalescer.takeEarly(20), [], `${count}`)
    }
  })

  it('makes one hint of two for the same path, the wider one', () => {
    const coalescer = new Coalescer(OPTIONS)
    coalescer.collect(subtree('a'), 0)
    coalescer.collect(entry('a'), 0)
    coalescer.collect(entry('b'), 0)
    coalescer.collect(subtree('b'), 0)
    assert.deepEqual(coalescer.takeBatch(20), [subtree('a'), subtree('b')])
  })

  it('forgets the paths and remembers the root when there are too many', () => {
    const coalescer = new Coalescer({ ...OPTIONS, maxPaths: 10 })
    for (let count = 0; count <= 10; count += 1) coalescer.collect(entry(`f${count}`), count)
    coalescer.collect(entry('late'), 11)
    assert.equal(coalescer.dueAt(), 31)
    assert.deepEqual(coalescer.takeBatch(31), [subtree(ROOT_PATH)])
    assert.equal(coalescer.dueAt(), null)
  })

  it('holds the age of the oldest path when it collapses', () => {
    const coalescer = new Coalescer({ ...OPTIONS, maxPaths: 10 })
    for (let count = 0; count <= 30; count += 1) coalescer.collect(entry(`f${count}`), count * 19)
    assert.equal(coalescer.dueAt(), MAX_WAIT_MS)
  })
})

interface Step {
  afterMs: number
  hint: Hint
}
interface Batch {
  atMs: number
  hints: Hint[]
}

const paths = fc.constantFrom('.', 'a', 'b', 'a/b', 'a/bc', 'a/b/c', 'a/b/d', 'x/y/z', 'x/y', 'x')
const extents = fc.constantFrom('entry' as const, 'entry' as const, 'entry' as const, 'subtree' as const)
const gaps = fc.oneof(fc.nat(5), fc.nat(2 * SETTLE_MS), fc.nat(2 * MAX_WAIT_MS))
const schedule = (extent: fc.Arbitrary<Hint['extent']>) =>
  fc.array(fc.record({ afterMs: gaps, hint: fc.record({ path: paths, extent }) }), { maxLength: 120 })

/** Adds the steps, and takes every batch at the very moment when it is due. */
function run(steps: readonly Step[], maxPaths = 1_000): { added: { atMs: number; hint: Hint }[]; batches: Batch[] } {
  const coalescer = new Coalescer({ ...OPTIONS, maxPaths })
  const added: { atMs: number; hint: Hint }[] = []
  const batches: Batch[] = []
  const takeUntil = (nowMs: number) => {
    for (let due = coalescer.dueAt(); due !== null && due <= nowMs; due = coalescer.dueAt()) {
      assert.deepEqual(coalescer.takeBatch(due - 0.001), [], 'nothing comes early')
      const hints = coalescer.takeBatch(due)
      assert.notEqual(hints.length, 0, 'what is due is there')
      batches.push({ atMs: due, hints })
    }
  }
  let nowMs = 0
  for (const { afterMs, hint } of steps) {
    nowMs += afterMs
    takeUntil(nowMs)
    coalescer.collect(hint, nowMs)
    added.push({ atMs: nowMs, hint })
  }
  takeUntil(Number.POSITIVE_INFINITY)
  return { added, batches }
}

function covers(taken: Hint, hint: Hint): boolean {
  if (taken.extent === 'subtree') return isWithin(hint.path, taken.path)
  return taken.path === hint.path && hint.extent === 'entry'
}

describe('laws of the coalescer', () => {
  it('covers every hint in a batch, within the maximum wait', () => {
    fc.assert(
      fc.property(schedule(extents), fc.constantFrom(2, 5, 1_000), (steps, maxPaths) => {
        const { added, batches } = run(steps, maxPaths)
        for (const { atMs, hint } of added) {
          const batch = batches.find((one) => one.atMs >= atMs && one.hints.some((taken) => covers(taken, hint)))
          assert.ok(batch !== undefined, `${hint.path} of ${atMs} was lost`)
          assert.ok(batch.atMs - atMs <= MAX_WAIT_MS, `${hint.path} of ${atMs} waited until ${batch.atMs}`)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('gives minimal batches, parents first', () => {
    fc.assert(
      fc.property(schedule(extents), (steps) => {
        for (const { hints } of run(steps).batches) {
          for (const [index, hint] of hints.entries()) {
            const others = hints.filter((_, at) => at !== index)
            assert.ok(!others.some((other) => covers(other, { path: hint.path, extent: 'entry' })), hint.path)
          }
          const depths = hints.map((hint) => pathDepth(hint.path))
          assert.deepEqual(
            depths,
            depths.toSorted((a, b) => a - b),
          )
        }
      }),
      { numRuns: 500 },
    )
  })

  it('lets no path that is hinted at again and again delay one that is not', () => {
    fc.assert(
      fc.property(schedule(fc.constant('entry' as const)), (steps) => {
        const { added, batches } = run(steps)
        const waiting = new Map<string, { sinceMs: number; hints: number }>()
        let freshMs = 0
        const settle = (batch: Batch) => {
          for (const { path } of batch.hints) {
            const waited = waiting.get(path)
            const settledMs = Math.max(freshMs, waited?.sinceMs ?? 0) + SETTLE_MS
            if (waited?.hints === 1)
              assert.ok(batch.atMs <= settledMs, `${path} came at ${batch.atMs}, not ${settledMs}`)
            waiting.delete(path)
          }
        }
        let next = 0
        for (const { atMs, hint } of added) {
          for (let batch = batches[next]; batch !== undefined && batch.atMs <= atMs; batch = batches[next]) {
            settle(batch)
            next += 1
          }
          const known = waiting.get(hint.path)
          if (known !== undefined) known.hints += 1
          else {
            waiting.set(hint.path, { sinceMs: atMs, hints: 1 })
            freshMs = atMs
          }
        }
        for (const batch of batches.slice(next)) settle(batch)
        assert.equal(waiting.size, 0)
      }),
      { numRuns: 500 },
    )
  })

  it('takes only paths that have been quiet, or have waited for the maximum', () => {
    fc.assert(
      fc.property(schedule(fc.constant('entry' as const)), (steps) => {
        const { added, batches } = run(steps)
        const takenBefore = new Map<string, number>()
        for (const { atMs, hints } of batches) {
          for (const { path } of hints) {
            const since = takenBefore.get(path) ?? Number.NEGATIVE_INFINITY
            // A hint at the very moment of a batch is added after the batch.
            const own = added.filter((one) => one.hint.path === path && one.atMs >= since && one.atMs < atMs)
            const first = own[0]?.atMs ?? Number.NaN
            const last = own.at(-1)?.atMs ?? Number.NaN
            assert.ok(atMs - last >= SETTLE_MS / 2 || atMs - first >= MAX_WAIT_MS, path)
            takenBefore.set(path, atMs)
          }
        }
      }),
      { numRuns: 500 },
    )
  })
})
