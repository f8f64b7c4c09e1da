/** The gate: what is above the limit is not reached, and is reached at once when the limit goes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Gate, type Reach } from './gate.ts'

test('an open gate reaches the head; the same head is no news', () => {
  const gate = new Gate()
  assert.deepEqual(gate.advanced(3, 10), { head: 3, seenMs: 10 })
  assert.equal(gate.advanced(3, 20), null)
  assert.equal(gate.isHeld, false)
})

test('what is above the limit is reached when the root is released, and counts from then', () => {
  const gate = new Gate()
  gate.advanced(3, 10)
  assert.equal(gate.limited(3, 20), null)
  assert.equal(gate.advanced(9, 30), null)
  assert.equal(gate.isHeld, true)
  assert.deepEqual(gate.limited(null, 40), { head: 9, seenMs: 40 })
})

test('a limit that comes before its head is reached with it; an index begun anew is followed down', () => {
  const gate = new Gate()
  assert.equal(gate.limited(5, 1), null)
  assert.deepEqual(gate.advanced(7, 2), { head: 5, seenMs: 2 })
  assert.deepEqual(gate.limited(0, 3), { head: 0, seenMs: 3 })
})

test('the reach is the lesser of head and limit after any events', () => {
  const event = fc.oneof(fc.record({ head: fc.nat(50) }), fc.record({ limit: fc.option(fc.nat(50)) }))
  fc.assert(
    fc.property(fc.array(event), (events) => {
      const gate = new Gate()
      let [head, limit, reach]: [number | null, number | null, number | null] = [null, null, null]
      for (const each of events) {
        if ('head' in each) head = each.head
        else limit = each.limit
        const next: Reach | null = 'head' in each ? gate.advanced(each.head, 0) : gate.limited(each.limit, 0)
        reach = next?.head ?? reach
        assert.equal(reach, head === null ? null : Math.min(head, limit ?? head))
      }
    }),
  )
})
