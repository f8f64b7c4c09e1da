/** What the guard passes, looks at again, and halts: case by case, over time, and as a law. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Guard, LONGEST_WAIT_MS, type Loss } from './guard.ts'

const LIMITS = { maxDeletePercent: 50, minDeletes: 1_000 }
const loss = (removals: number, moved = 0, additions = 0): Loss => ({ removals, moved, additions })
const MINUTE_MS = 60_000

describe('the guard, of one scan', () => {
  const CASES: { what: string; living: number; loss: Loss; limits?: typeof LIMITS; says: string | RegExp }[] = [
    { what: 'nothing gone', living: 100_000, loss: loss(0), says: 'pass' },
    { what: 'one file gone', living: 100_000, loss: loss(1), says: 'pass' },
    { what: 'the only entry gone', living: 1, loss: loss(1), says: 'pass' },
    { what: 'the last two entries gone', living: 2, loss: loss(2), says: /^emptied: all 2 entries/ },
    { what: 'everything gone', living: 100_000, loss: loss(100_000), says: /^emptied/ },
    { what: 'everything gone and something else there', living: 900, loss: loss(900, 0, 5), says: /^emptied/ },
    { what: 'the only entry replaced by another', living: 1, loss: loss(1, 0, 1), says: 'pass' },
    { what: 'half of it gone', living: 100_000, loss: loss(50_000), says: 'look-again' },
    {
      what: 'more than half gone',
      living: 100_000,
      loss: loss(50_001),
      says: /^mass deletion: 50001 of 100000 entries \(50 %\)/,
    },
    { what: 'more than half gone, but fewer than the minimum', living: 1_500, loss: loss(999), says: 'look-again' },
    { what: 'as many as the minimum', living: 1_500, loss: loss(1_000), says: /^mass deletion/ },
    { what: 'everything moved', living: 5_000, loss: loss(4_999, 4_999, 4_999), says: 'pass' },
    { what: 'everything replaced by other names', living: 5_000, loss: loss(4_999, 0, 6_000), says: /^mass deletion/ },
    {
      what: 'a limit of 100 %',
      living: 5_000,
      loss: loss(4_999),
      limits: { maxDeletePercent: 100, minDeletes: 0 },
      says: 'look-again',
    },
    {
      what: 'a strict limit',
      living: 100,
      loss: loss(11),
      limits: { maxDeletePercent: 10, minDeletes: 1 },
      says: /^mass deletion: 11 of 100/,
    },
  ]
  for (const { what, living, loss: found, limits, says } of CASES) {
    it(`${what}: ${says}`, () => {
      const verdict = new Guard(limits ?? LIMITS).judge(found, living, 0, true)
      if (typeof says === 'string') assert.equal(verdict.decision, says)
      else assert.match(verdict.decision === 'halt' ? verdict.reason : verdict.decision, says)
    })
  }
})

describe('the guard, after a halt', () => {
  const back = (missing: number, limits = LIMITS) => {
    const guard = new Guard(limits, { isHalted: true })
    return guard.judge(loss(missing), 500, 0, true)
  }

  it('passes when all is back, or all but a few', () => {
    assert.equal(back(0).decision, 'pass')
    assert.equal(back(4).decision, 'pass')
    assert.deepEqual(back(5), {
      ...{ decision: 'halt', isOfPart: true },
      reason: 'not back yet: 5 of 500 entries are still gone',
    })
    assert.equal(back(400).decision, 'halt')
  })

  it('passes a loss as before when it was accepted, or when the whole tree has passed, and not for a part', () => {
    const note = { isHalted: false }
    const guard = new Guard(LIMITS, note)
    assert.equal(guard.judge(loss(500), 500, 0, true).decision, 'halt')
    assert.equal(guard.judge(loss(0), 500, 0, true).decision, 'pass')
    assert.equal(guard.judge(loss(400), 500, 0, true).decision, 'halt')
    guard.passedWhole()
    assert.equal(guard.judge(loss(400), 500, 0, true).decision, 'look-again')
    note.isHalted = true
    guard.accept()
    assert.equal(note.isHalted, false)
  })

  it('judges as before it what was moved, when that turns out to be most of it', () => {
    const judged = (removals: number, moved: number) =>
      new Guard(LIMITS, { isHalted: true }).judge(loss(removals, moved, moved), 500, 0, true).decision
    assert.equal(judged(500, 490), 'look-again')
    assert.equal(judged(20, 10), 'halt')
  })

  it('passes what is left with a limit of 100 %', () => {
    assert.equal(back(400, { maxDeletePercent: 100, minDeletes: 0 }).decision, 'look-again')
  })
})

describe('the guard, of a burst of deletions', () => {
  it('waits until nothing more is gone, and passes then', () => {
    const guard = new Guard(LIMITS)
    assert.equal(guard.judge(loss(100), 10_000, 0, true).decision, 'look-again')
    assert.equal(guard.judge(loss(900), 10_000, 300, true).decision, 'look-again')
    assert.equal(guard.judge(loss(900), 10_000, 600, true).decision, 'pass')
  })

  it('halts as soon as it is a mass deletion', () => {
    const guard = new Guard(LIMITS)
    assert.equal(guard.judge(loss(2_000), 10_000, 0, true).decision, 'look-again')
    assert.equal(guard.judge(loss(5_001), 10_000, 300, true).decision, 'halt')
  })

  it('is not waited for for ever', () => {
    const guard = new Guard(LIMITS)
    assert.equal(guard.judge(loss(200), 10_000, 0, true).decision, 'look-again')
    assert.equal(guard.judge(loss(300), 10_000, LONGEST_WAIT_MS - 1, true).decision, 'look-again')
    assert.equal(guard.judge(loss(400), 10_000, LONGEST_WAIT_MS, true).decision, 'pass')
  })

  it('is not recorded in portions', () => {
    assert.equal(new Guard(LIMITS).judge(loss(10_000, 0, 20_000), 10_000, 0, false).decision, 'look-again')
  })
})

describe('the guard, of what is gone bit by bit', () => {
  /**
   * Deletes `each` entries at a time, a second apart. @returns how many were recorded before the guard halted, or null
   */
  function trickle(guard: Guard, living: number, each: number, came = 0): number | null {
    for (let left = living, now = 0; left > 0; left += came - each, now += 1_000) {
      const found = loss(Math.min(each, left), 0, came)
      let verdict = guard.judge(found, left, now, true)
      if (verdict.decision === 'look-again') verdict = guard.judge(found, left, now + 300, true)
      if (verdict.decision === 'halt') return living - left
      guard.passed(found)
      if (now > 100 * MINUTE_MS) return null
    }
    return null
  }

  it('halts when more than half went within ten minutes', () => {
    assert.equal(trickle(new Guard(LIMITS), 10_000, 40), 5_000)
  })

  it('lets pass what takes longer than that', () => {
    const guard = new Guard(LIMITS)
    for (let left = 10_000, now = 0; left > 1_000; left -= 9, now += (2 * MINUTE_MS) / 10) {
      assert.equal(guard.judge(loss(9), left, now, true).decision, 'pass', `${left} left`)
      guard.passed(loss(9))
    }
  })

  it('lets caches come and go', () => {
    assert.equal(trickle(new Guard(LIMITS), 10_000, 45, 45), null)
  })

  it('knows an emptied tree that went one entry at a time', () => {
    const guard = new Guard(LIMITS)
    for (let left = 12; left > 1; left -= 1) {
      assert.equal(guard.judge(loss(1), left, 0, true).decision, 'pass')
      guard.passed(loss(1))
    }
    assert.match(JSON.stringify(guard.judge(loss(1), 1, 0, true)), /emptied: all 12/)
  })

  it('begins anew when an operator has accepted', () => {
    const guard = new Guard(LIMITS)
    assert.equal(guard.judge(loss(0), 10_000, 0, true).decision, 'pass')
    assert.equal(guard.judge(loss(1), 1_000, 1, true).decision, 'halt')
    guard.accept()
    assert.equal(guard.judge(loss(1), 1_000, 1, true).decision, 'pass')
  })
})

it('whatever comes and goes: never more than the limit goes within ten minutes, if more than the minimum', () => {
  const step = fc.record({ removed: fc.nat(60), came: fc.nat(40), pauseMs: fc.nat(20_000) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const limits = { maxDeletePercent: 50, minDeletes: 100 }
      const guard = new Guard(limits)
      const levels = [{ now: 0, level: 1_000 }]
      let now = 0
      for (const { removed, came, pauseMs } of steps) {
        now += pauseMs
        const living = levels.at(-1)?.level ?? 0
        const found = loss(Math.min(removed, living), 0, came)
        if (guard.judge(found, living, now, true).decision !== 'pass') continue
        guard.passed(found)
        levels.push({ now, level: living - found.removals + found.additions })
        const recent = levels.filter((level) => now - level.now <= 9 * MINUTE_MS).map(({ level }) => level)
        const lost = Math.max(...recent) - (levels.at(-1)?.level ?? 0)
        assert.ok(lost < limits.minDeletes || lost * 100 <= limits.maxDeletePercent * Math.max(...recent))
      }
    }),
  )
})
