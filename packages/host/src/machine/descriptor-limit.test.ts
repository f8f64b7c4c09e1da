/** A process reads its own limit, and assumes the usual limit where it cannot read that. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { descriptorLimit, parseDescriptorLimit } from './descriptor-limit.ts'

test('the soft limit counts, and a limit that cannot be read is the usual one', () => {
  const line = (soft: string) =>
    `Max processes 1 1 processes\nMax open files            ${soft}     4096     files     \n`
  assert.equal(parseDescriptorLimit(line('64')), 64)
  assert.equal(parseDescriptorLimit(line('unlimited')), Number.POSITIVE_INFINITY)
  assert.equal(parseDescriptorLimit(''), 1024)
  assert.ok(descriptorLimit() > 0)
})
