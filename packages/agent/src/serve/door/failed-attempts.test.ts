/** The cost of wrong tokens is bounded: answers, log lines, memory. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DOOR } from './door-limits.ts'
import { FailedAttempts } from './failed-attempts.ts'

test('a network may try some times at once, and then as often as time goes by', () => {
  const failures = new FailedAttempts()
  const tooMany = (nowMs: number) => failures.failed('192.0.2.1', nowMs).isTooMany
  for (let attempt = 0; attempt < DOOR.attempts; attempt += 1) assert.equal(tooMany(1_000), false)
  assert.equal(tooMany(1_000), true)
  assert.equal(tooMany(1_000 + DOOR.attemptMs), false)
  assert.equal(tooMany(1_000 + DOOR.attemptMs), true)
})

test('networks do not use up what another one has', () => {
  const failures = new FailedAttempts()
  for (let attempt = 0; attempt < 100; attempt += 1) failures.failed('192.0.2.1', 0)
  assert.equal(failures.failed('192.0.2.2', 0).isTooMany, false)
})

test('one line speaks for all attempts of a network in a while', () => {
  const failures = new FailedAttempts()
  assert.equal(failures.failed('192.0.2.1', 0).report, 1)
  for (let attempt = 0; attempt < 1_000; attempt += 1) assert.equal(failures.failed('192.0.2.1', attempt).report, null)
  assert.equal(failures.failed('192.0.2.1', DOOR.networkReportMs).report, 1_001)
})

test('many networks together get few lines', () => {
  const failures = new FailedAttempts()
  const networks = Array.from({ length: 5_000 }, (_, number) => `network ${number}`)
  const lines = networks.filter((network) => failures.failed(network, 0).report !== null)
  assert.equal(lines.length, DOOR.reports)
})

test('only so many networks are remembered', () => {
  const failures = new FailedAttempts()
  for (let number = 0; number < 3 * DOOR.networks; number += 1) failures.failed(`network ${number}`, 0)
  assert.equal(failures.size, DOOR.networks)
})
