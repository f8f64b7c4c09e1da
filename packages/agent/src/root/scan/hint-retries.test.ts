/** When things are looked at again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Hint } from '../watch/watcher.ts'
import { HintRetries } from './hint-retries.ts'
import { FORGET_MS } from './retries.ts'

test('a wall clock that jumps makes no look sooner: each waits longer than the one before', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1_000_000 })
  const delays: number[] = []
  let due: (() => void) | null = null
  const timers = {
    has: () => due !== null,
    after: (_name: string, ms: number, act: () => void) => {
      delays.push(ms)
      due = act
    },
  }
  const hinted: Hint[] = []
  const retries = new HintRetries({
    timers: timers as never,
    problems: { found: () => undefined } as never,
    hint: (hint) => hinted.push(hint),
  })
  const trouble = () => {
    retries.troubled([{ path: 'a', extent: 'entry' }])
    const act = due
    due = null
    act?.()
  }
  const busy = () => retries.retry('log', 'unsettled', 'is written to')
  for (const act of [trouble, busy]) {
    delays.length = 0
    act()
    t.mock.timers.setTime(Date.now() + 2 * FORGET_MS)
    due = null
    act()
    const [first = 0, second = 0] = delays
    assert.ok(second > first && first > 0, `${delays}`)
  }
  assert.equal(hinted.length, 2)
})
