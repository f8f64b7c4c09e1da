/** When a silent line is dead, and when nothing can be said of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LOOK_MS, Silence } from './silence.ts'

/** Looks in time from one moment to another. @returns what was found at which moment, until it is not well */
function watched(silence: Silence, fromMs: number, toMs: number): string {
  for (let ms = fromMs; ms <= toMs; ms += LOOK_MS) {
    const finding = silence.look(ms)
    if (finding !== 'well') return `${finding} at ${ms}`
  }
  return 'well'
}

test('a line that is silent under the eyes of the page is dead after 40 s, and one that speaks is not', () => {
  const silence = new Silence()
  silence.dialled(0)
  silence.heard(0)
  assert.equal(watched(silence, 0, 35_000), 'well')
  silence.heard(35_000)
  assert.equal(watched(silence, 40_000, 200_000), 'dead at 75000')
})

test('a dial that nobody answers is given up after 10 s', () => {
  const silence = new Silence()
  silence.dialled(0)
  assert.equal(watched(silence, 0, 100_000), 'dead at 10000')
})

test('after a sleep nothing is known of a line, unless it spoke a moment ago', () => {
  const silence = new Silence()
  silence.dialled(0)
  silence.heard(0)
  assert.equal(silence.look(50_000), 'unknown')
  silence.dialled(50_000)
  silence.heard(50_100)
  silence.heard(110_000)
  assert.equal(silence.look(120_000), 'well')
})
