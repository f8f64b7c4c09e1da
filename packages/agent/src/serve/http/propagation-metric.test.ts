/** A histogram that is there before anything is counted. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MetricsPage } from '@rootferry/host/daemon/metrics'
import { PropagationMetric } from './propagation-metric.ts'

test('a root that is served has zeros, which what was committed before is not lost to', async () => {
  const { registry } = new MetricsPage({ daemon: 'agent', version: '1', systemCalls: 'libc' }, () => undefined)
  const metric = new PropagationMetric([registry])
  metric.serves('quiet')
  metric.committed('busy', [0.2, 3])
  metric.serves('busy')
  const text = await registry.metrics()
  assert.match(text, /^rootferry_propagation_seconds_count\{root="quiet"\} 0$/m)
  assert.match(text, /^rootferry_propagation_seconds_count\{root="busy"\} 2$/m)
})
