/** When work that goes on is told of. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { LongWork } from './long-work.ts'

function told(signs: readonly number[]): number[] {
  const work = new LongWork()
  return signs.filter((nowMs) => work.isToBeTold(nowMs))
}

it('what is over in a moment is not told of, however often it happens', () => {
  assert.deepEqual(told([0, 100, 4_000, 4_100, 9_000, 20_000]), [])
})

it('what goes on is told of every five seconds', () => {
  const signs = Array.from({ length: 171 }, (_, number) => number * 100)
  assert.deepEqual(told(signs), [5_000, 10_000, 15_000])
})
