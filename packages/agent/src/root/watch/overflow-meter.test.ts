/** When raw events are so many that the kernel may have dropped some. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { OverflowMeter } from './overflow-meter.ts'

describe('the overflow meter', () => {
  it('speaks once in a turn that delivers half of what the queue holds', async () => {
    const reasons: string[] = []
    const meter = new OverflowMeter(10, (reason) => reasons.push(reason))
    for (let event = 0; event < 4; event += 1) meter.count()
    assert.equal(reasons.length, 0)
    for (let event = 0; event < 40; event += 1) meter.count()
    assert.equal(reasons.length, 1)
    await nextTurn()
    for (let event = 0; event < 5; event += 1) meter.count()
    assert.equal(reasons.length, 2)
  })

  it('does not add up the events of several turns', async () => {
    const reasons: string[] = []
    const meter = new OverflowMeter(10, (reason) => reasons.push(reason))
    for (let turn = 0; turn < 5; turn += 1) {
      for (let event = 0; event < 4; event += 1) meter.count()
      await nextTurn()
    }
    assert.deepEqual(reasons, [])
  })
})
