/** Doubted paths: from the moment when other content was sent until a scan that began later has ended. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DoubtedPaths } from './doubted-paths.ts'

test('a path is in doubt until the scan that covers it has ended, and again when it was added meanwhile', () => {
  const unsettled = new DoubtedPaths()
  for (const path of ['a/b', 'a/c', 'd', 'ab']) unsettled.doubt(path)
  const first = unsettled.beginLook([
    { path: 'a', extent: 'subtree' },
    { path: 'd', extent: 'entry' },
    { path: 'ab/x', extent: 'entry' },
  ])
  unsettled.doubt('d')
  assert.ok(['a/b', 'a/c', 'd', 'ab'].every((path) => unsettled.has(path, 0)))
  unsettled.endLook(first, true)
  assert.deepEqual(
    ['a/b', 'a/c', 'd', 'ab'].map((path) => unsettled.has(path, 0)),
    [false, false, true, true],
  )
  const second = unsettled.beginLook([{ path: '.', extent: 'subtree' }])
  unsettled.endLook(second, false)
  assert.ok(unsettled.has('d', 0) && unsettled.has('ab', 0))
  const third = unsettled.beginLook([{ path: '.', extent: 'subtree' }])
  unsettled.endLook(third, true)
  assert.ok(!unsettled.has('d', 0) && !unsettled.has('ab', 0))
})
