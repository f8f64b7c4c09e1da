/** Times as whole microseconds that went through a double of seconds and back. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { mtimes } from '../test-support/arbitraries.ts'
import { microseconds, sameMtime } from './entry.ts'

const RUNS = 2_000
const YEAR_US = 365.2425 * 24 * 3600 * 1e6
const at = (text: string) => Date.parse(text) * 1_000

/** The time that `stat` returns in milliseconds after `utimes(seconds)` has set it. */
function throughTheDisk(mtime: number): number {
  const seconds = mtime / 1e6
  const whole = Math.floor(seconds)
  const nanoseconds = Math.floor((seconds - whole) * 1e9)
  return microseconds(whole * 1e3 + nanoseconds / 1e6)
}

describe('a time in microseconds', () => {
  it('is the nearest to what stat says in milliseconds', () => {
    assert.equal(microseconds(0), 0)
    assert.equal(microseconds(1_767_225_600_123.4561), 1_767_225_600_123_456)
    assert.equal(microseconds(0.0006), 1)
    assert.equal(microseconds(-1), -1_000)
    assert.equal(microseconds(-0.0014), -1)
  })

  it('is a whole number for every time that a docroot holds', () => {
    const law = fc.property(fc.double({ min: -3e14, max: 3e14, noNaN: true }), (milliseconds) => {
      assert.ok(Number.isInteger(microseconds(milliseconds)))
    })
    fc.assert(law, { numRuns: RUNS })
  })
})

describe('the same time', () => {
  it('holds for what comes back from the disk, whenever that was', () => {
    const law = fc.property(mtimes, (mtime) => assert.ok(sameMtime(mtime, throughTheDisk(mtime)), `${mtime}`))
    fc.assert(law, { numRuns: RUNS })
    const times = ['1970-01-01T00:00Z', '1901-12-13T20:45:52Z', '2038-01-19T03:14:08.000Z', '2106-02-07T06:28:16Z']
    for (const time of [...times, '2446-05-10T22:38:55.999Z', '9999-12-31T23:59:59.999Z', '0001-01-01T00:00Z']) {
      for (const offset of [-1, 0, 1, 123_457]) {
        const mtime = at(time) + offset
        assert.ok(sameMtime(mtime, throughTheDisk(mtime)), `${time} and ${offset} µs`)
      }
    }
  })

  it('holds for one microsecond of rounding, and not for two, from 1902 to 2038', () => {
    for (const mtime of [0, -1, 1, at('2026-01-01T00:00Z'), at('1902-01-01T00:00Z'), at('2038-01-20T00:00Z')]) {
      assert.ok(sameMtime(mtime, mtime))
      assert.ok(sameMtime(mtime, mtime + 1))
      assert.ok(sameMtime(mtime, mtime - 1))
      assert.ok(!sameMtime(mtime, mtime + 2), `${mtime}`)
      assert.ok(!sameMtime(mtime, mtime - 2), `${mtime}`)
    }
  })

  it('never holds for a millisecond of difference, even in the year 9999', () => {
    const law = fc.property(fc.integer({ min: -8_000, max: 8_000 }), fc.nat({ max: 1e6 }), (year, fraction) => {
      const mtime = Math.round(year * YEAR_US) + fraction
      assert.ok(!sameMtime(mtime, mtime + 1_000))
      assert.ok(!sameMtime(mtime, mtime - 1_000))
    })
    fc.assert(law, { numRuns: RUNS })
  })

  it('does not care which of the two is asked first', () => {
    const law = fc.property(mtimes, fc.integer({ min: -300, max: 300 }), (mtime, difference) => {
      assert.equal(sameMtime(mtime, mtime + difference), sameMtime(mtime + difference, mtime))
    })
    fc.assert(law, { numRuns: RUNS })
  })
})
