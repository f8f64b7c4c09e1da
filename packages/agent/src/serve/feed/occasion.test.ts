/** An occasion against answers that come before it, after it, and not at all. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Occasion } from './occasion.ts'

test('an answer that comes before the occasion is given, and its wait is forgotten', async () => {
  const occasion = new Occasion()
  for (let answer = 0; answer < 1_000; answer += 1) assert.equal(await occasion.before(Promise.resolve(answer)), answer)
  await assert.rejects(occasion.before(Promise.reject(new Error('refused'))), /refused/)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(occasion.waiting, 0)
})

test('the occasion ends every wait, and each that begins after it; the late answer changes nothing', async () => {
  const occasion = new Occasion()
  const late = Promise.withResolvers<string>()
  const waits = [occasion.before(late.promise), occasion.before(new Promise<string>(() => undefined))]
  assert.equal(occasion.waiting, 2)
  occasion.happen()
  assert.deepEqual(await Promise.all(waits), [null, null])
  assert.equal(await occasion.before(late.promise), null)
  late.reject(new Error('nobody waits now'))
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(occasion.waiting, 0)
})
