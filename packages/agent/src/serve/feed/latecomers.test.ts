/** Receivers that come to a change later than the others. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Latecomers } from './latecomers.ts'

test('a receiver that comes back has hooks told again of what it missed, once, when it has that', () => {
  const late = new Latecomers()
  late.noted('web1', 10, 20)
  assert.equal(late.floor, 10)
  assert.equal(late.confirmed('web1', 15), null)
  assert.equal(late.confirmed('web2', 20), null)
  assert.equal(late.confirmed('web1', 20), 10)
  assert.equal(late.confirmed('web1', 20), null)
  assert.equal(late.floor, Number.POSITIVE_INFINITY)
})

test('one that breaks off while it catches up goes by what it had at first, and waits for the newest', () => {
  const late = new Latecomers()
  late.noted('web1', 10, 20)
  late.noted('web1', 15, 30)
  assert.equal(late.confirmed('web1', 20), null)
  assert.equal(late.confirmed('web1', 30), 10)
})

test('one that has everything, or will not come again, is not awaited', () => {
  const late = new Latecomers()
  late.noted('web1', 20, 20)
  assert.equal(late.floor, Number.POSITIVE_INFINITY)
  late.noted('web1', 10, 20)
  late.forget('web1')
  assert.equal(late.confirmed('web1', 20), null)
})
