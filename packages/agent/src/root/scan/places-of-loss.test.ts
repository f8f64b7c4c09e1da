/** The words for where a loss is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { placesOfLoss } from './places-of-loss.ts'

const below = (directory: string, count: number) => Array.from({ length: count }, (_, at) => `${directory}/f${at}`)

test('the deepest directory that has most of the loss is named', () => {
  assert.equal(placesOfLoss(['media/catalog', ...below('media/catalog', 99)]), 'most below media/catalog')
  assert.equal(placesOfLoss([...below('media/a', 50), ...below('media/b', 50)]), 'most below media')
  assert.equal(placesOfLoss([...below('media', 99), 'index.php']), 'most below media')
})

test('several at the top are named, the largest first', () => {
  assert.equal(placesOfLoss([...below('app', 40), ...below('lib', 60)]), 'below lib, app')
  const many = ['a', 'b', 'c', 'd', 'e'].flatMap((name, at) => below(name, 50 - at))
  assert.equal(placesOfLoss(many), 'below a, b, c and 2 others')
  assert.equal(placesOfLoss(many.filter((path) => !path.startsWith('e'))), 'below a, b, c and another')
})

test('files at the top are no place, and names are for people', () => {
  assert.equal(placesOfLoss(['a', 'b', 'c']), null)
  assert.equal(placesOfLoss([]), null)
  assert.equal(placesOfLoss(below('me\u202edia', 9)), 'most below me\\u202edia')
})

test('a million paths are not all looked at', () => {
  let looked = 0
  function* endless() {
    for (;;) {
      looked += 1
      yield `media/${looked}`
    }
  }
  assert.equal(placesOfLoss(endless()), 'most below media')
  assert.ok(looked <= 10_001)
})
