/** When a thread counts as stuck, and when it does not any more. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ThreadWatch } from './thread-watch.ts'

function watched() {
  const told: string[] = []
  const questions: PromiseWithResolvers<void>[] = []
  const clock = { ms: 0 }
  const watch = new ThreadWatch({
    ask: () => {
      const question = Promise.withResolvers<void>()
      questions.push(question)
      return question.promise
    },
    nowMs: () => clock.ms,
    stuck: (sinceMs) => told.push(`stuck since ${sinceMs}`),
    answers: () => told.push('answers'),
  })
  const after = async (ms: number) => {
    for (const end = clock.ms + ms; clock.ms < end; clock.ms += 5_000) watch.look()
    await Promise.resolve()
  }
  return { told, questions, after }
}

test('a thread that does not answer is stuck, once, until it answers', async () => {
  const { told, questions, after } = watched()
  await after(25_000)
  assert.deepEqual(told, [])
  await after(60_000)
  assert.deepEqual(told, ['stuck since 0'])
  assert.equal(questions.length, 1)
  questions[0]?.resolve()
  await questions[0]?.promise
  await after(5_000)
  assert.deepEqual(told, ['stuck since 0', 'answers'])
  assert.equal(questions.length, 2)
})

test('a thread that answers late, or was ended, is not stuck', async () => {
  const { told, questions, after } = watched()
  await after(25_000)
  questions[0]?.reject(new Error('it is being restarted'))
  await Promise.allSettled(questions.map(({ promise }) => promise))
  await after(25_000)
  assert.deepEqual(told, [])
  assert.equal(questions.length, 2)
})
