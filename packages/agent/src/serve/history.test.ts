/** What the last hour says after it happened. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { History, INTERVAL_SECONDS, INTERVALS } from './history.ts'

/** The beginning of the interval with that number. */
const at = (interval: number) => 1_000_000_000_000 + interval * INTERVAL_SECONDS * 1_000
const known = (series: readonly (number | null)[]) =>
  series.flatMap((value, place) => (value === null ? [] : [[place, value]]))

test('of a receiver the worst of each interval is kept, and nothing where it was not noted', () => {
  const history = new History()
  history.noted('shop', 'web1', { seconds: 3, sequences: 1 }, at(0))
  history.noted('shop', 'web1', { seconds: 9, sequences: 4 }, at(0) + 1)
  history.noted('shop', 'web1', { seconds: 0, sequences: 0 }, at(0) + 2)
  history.noted('shop', 'web1', { seconds: 2, sequences: 2 }, at(2))
  const lag = history.lag('shop', 'web1', at(2))
  assert.deepEqual(known(lag?.seconds ?? []), [
    [INTERVALS - 3, 9],
    [INTERVALS - 1, 2],
  ])
  assert.deepEqual(known(lag?.sequences ?? []), [
    [INTERVALS - 3, 4],
    [INTERVALS - 1, 2],
  ])
  assert.equal(history.lag('shop', 'web2', at(2)), null)
})

test('an hour later nothing of it is left', () => {
  const history = new History()
  history.noted('shop', 'web1', { seconds: 3, sequences: 1 }, at(0))
  assert.deepEqual(known(history.lag('shop', 'web1', at(INTERVALS - 1))?.seconds ?? []), [[0, 3]])
  assert.deepEqual(known(history.lag('shop', 'web1', at(INTERVALS))?.seconds ?? []), [])
  history.noted('shop', 'web1', { seconds: 1, sequences: 1 }, at(3 * INTERVALS))
  assert.deepEqual(known(history.lag('shop', 'web1', at(3 * INTERVALS))?.seconds ?? []), [[INTERVALS - 1, 1]])
})

test('latencies count in the interval in which they were, also when nobody asked meanwhile', () => {
  const history = new History()
  history.propagated('shop', [0.1, 0.1, 0.1, 2], at(0))
  history.propagated('shop', [0.5], at(5))
  const { p50, p99, commits } = history.latency('shop', at(6))
  assert.deepEqual(known(commits), [
    [INTERVALS - 6, 4],
    [INTERVALS - 1, 1],
  ])
  const [[, first = 0] = [], [, second = 0] = []] = known(p50)
  assert.ok(first >= 0.1 && first < 0.13 && second >= 0.5 && second < 0.62)
  assert.ok((known(p99)[0]?.[1] ?? 0) >= 2)
})

test('a history forgets the receivers that were not noted for longest', () => {
  const history = new History()
  for (let number = 0; number < 4_001; number += 1)
    history.noted('shop', `web${number}`, { seconds: 1, sequences: 1 }, at(0))
  assert.equal(history.lag('shop', 'web0', at(0)), null)
  assert.notEqual(history.lag('shop', 'web4000', at(0)), null)
})
