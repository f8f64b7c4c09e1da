/** Metrics of rounds that end before the first look at them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MetricsPage } from '@rootferry/host/daemon/metrics'
import type { Member } from '../feed/round.ts'
import { RoundMetrics } from './round-metrics.ts'

const SHOWN: Omit<Member, 'committedMs'> = {
  standing: 'committed',
  isFailing: false,
  isReady: true,
  isLate: false,
  stagedMs: 1,
  burstMs: 0,
}

test('a round that is over before anybody looks at the metrics counts in all of them', async () => {
  const page = new MetricsPage({ daemon: 'agent', version: '1', systemCalls: 'portable' }, () => metrics.knows('shop'))
  const metrics = new RoundMetrics([page.registry])
  metrics.over('shop', {
    ...{ id: 'r1', at: 'over', from: 1, to: 2, isStep: false, stopped: null, changesets: 1, lateReaders: [] },
    ...{ began: new Date(0), ended: new Date(9) },
    members: new Map([3, 5].map((committedMs) => [`web${committedMs}`, { ...SHOWN, committedMs }])),
  })
  const { text } = await page.answer()
  for (const line of [
    'rounds_total{root="shop",outcome="all"} 1',
    'round_members{root="shop"} 2',
    'round_skew_seconds_count{root="shop"} 1',
  ])
    assert.ok(text.includes(`rootferry_${line}\n`), `${line}\n${text}`)
})
