/** How far sessions are led, with and without a round for every change. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BOUNDS } from '../../bounds.ts'
import { Lockstep } from './lockstep.ts'

const reach = (head: number, seenMs = head * 10) => ({ head, seenMs })

describe('lockstep', () => {
  it('leads as far as the gate lets pass where rounds are of releases only', () => {
    const steps = new Lockstep(false)
    assert.deepEqual(steps.reached(reach(3)), reach(3))
    assert.deepEqual(steps.reached(reach(5)), reach(5))
    assert.equal(steps.next(), null)
    assert.equal(steps.stand(5), null)
  })

  it('leads to the end of each round where every change is one, with the time of its first hint', () => {
    const steps = new Lockstep(true)
    assert.deepEqual(steps.reached(reach(3)), reach(3), 'what was there at the start is no round')
    assert.equal(steps.next(), null)
    assert.equal(steps.reached(reach(5, 50)), null)
    assert.equal(steps.reached(reach(6, 60)), null)
    assert.deepEqual(steps.next(), { from: 3, to: 6, head: 6 })
    assert.equal(steps.reached(reach(9, 90)), null, 'what changes during a round is the next one')
    assert.deepEqual(steps.stand(6), { head: 6, seenMs: 50 })
    assert.deepEqual(steps.next(), { from: 6, to: 9, head: 9 })
    assert.deepEqual(steps.stand(9), { head: 9, seenMs: 90 })
    assert.equal(steps.next(), null)
  })

  it('goes on in rounds that receivers can stage, with the time of the first hint', () => {
    const steps = new Lockstep(true)
    steps.reached(reach(3))
    const head = 4 + BOUNDS.roundChanges
    steps.reached(reach(head, 50))
    assert.deepEqual(steps.next(), { from: 3, to: head - 1, head })
    steps.stand(head - 1)
    assert.deepEqual(steps.next(), { from: head - 1, to: head, head })
    assert.deepEqual(steps.stand(head), { head, seenMs: 50 })
  })

  it('follows a new index, and a change of the setting', () => {
    const steps = new Lockstep(true)
    steps.reached(reach(9))
    assert.deepEqual(steps.reached(reach(2)), reach(2))
    steps.reached(reach(4))
    assert.deepEqual(steps.configure(false), { head: 4, seenMs: 40 })
    assert.equal(steps.configure(true), null)
    assert.equal(steps.next(), null)
  })
})
