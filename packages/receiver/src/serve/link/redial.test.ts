/** How long the receiver waits before it dials again, by the end of the last connection. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLASH_MS, redialMs } from './redial.ts'

test('a receiver whose token another node uses waits for minutes, whatever the attempt', () => {
  for (const attempts of [0, 1, 50]) {
    assert.equal(redialMs(attempts, 0, 'clash'), CLASH_MS.least)
    assert.equal(redialMs(attempts, 1, 'clash'), CLASH_MS.most)
  }
  assert.ok(redialMs(50, 1, 'usual') < redialMs(0, 1, 'hopeless'))
  assert.ok(redialMs(0, 1, 'hopeless') < CLASH_MS.least)
})
