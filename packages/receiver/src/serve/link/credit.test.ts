/** Flow control in the receiver's account. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import { Credit } from './credit.ts'

test('an agent that begins its last segment with one byte of credit left is within its rights; one byte more is not', () => {
  const credit = new Credit()
  assert.ok(credit.came(BOUNDS.creditBytes - 1))
  assert.ok(credit.came(LIMITS.segmentBytes))
  assert.equal(credit.came(1), false)
})

test('what was staged may be sent again, and is told in portions', () => {
  const credit = new Credit()
  assert.ok(credit.came(BOUNDS.creditBytes))
  assert.equal(credit.consumed(1_000_000), 0)
  assert.equal(credit.consumed(2_000_000), 3_000_000)
  assert.ok(credit.came(3_000_000 + LIMITS.segmentBytes - 1))
  assert.equal(credit.came(1), false)
})
