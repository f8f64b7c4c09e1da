/** Which receivers an agent that has started waits for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Watermarks } from './watermarks.ts'

test('receivers that were seen near the end of the last life of the agent had a connection then', (t) => {
  const watermarks = new Watermarks({ tell: () => undefined, connected: () => [] })
  t.after(() => watermarks.close())
  assert.deepEqual(watermarks.seenLast(1_000), [])
  const at = (name: string, seen: number) => ({ name, committed: 1, durable: 1, whole: 1, seen })
  const known = [at('here', 100_000), at('too', 99_000), at('long-gone', 98_999)]
  watermarks.restore({ watermarks: known, headTimes: null, resyncs: null, hooks: null })
  assert.deepEqual(watermarks.seenLast(1_000), ['here', 'too'])
})
