/** A watch over the end of a stream. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EndWatch } from './end-watch.ts'

test('a stream that ends elsewhere than its writer has left it is told of, and nothing while the writer writes', async () => {
  const at = { end: 8, rests: 8 as number | null, isReached: true }
  let told = 0
  const watch = new EndWatch({
    end: async () => {
      if (!at.isReached) throw new Error('timeout')
      return at.end
    },
    restsAt: () => at.rests,
    moved: () => {
      told += 1
    },
  })
  const toldAfter = async () => {
    told = 0
    await watch.look()
    return told
  }
  assert.equal(await toldAfter(), 0)
  at.rests = null
  at.end = 9
  assert.equal(await toldAfter(), 0, 'it writes')
  at.rests = 8
  assert.equal(await toldAfter(), 1, 'somebody has added one')
  at.isReached = false
  assert.equal(await toldAfter(), 0, 'nobody knows')
  at.isReached = true
  at.end = 7
  assert.equal(await toldAfter(), 1, 'the last one is lost')
  const looking = watch.look()
  at.rests = 7
  told = 0
  await looking
  assert.equal(told, 0, 'it has written since')
  watch.close()
})
