/** Hints that wait for another look at deletions. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Hint } from '../watch/watcher.ts'
import { WithheldDeletions } from './withheld-deletions.ts'

const WHOLE: Hint = { path: '.', extent: 'subtree' }

test('what looks find again waits once, with everything below it if any of them said so', () => {
  const withheld = new WithheldDeletions()
  for (let looks = 0; looks < 20; looks += 1) {
    // Each look leaves its hints, and the trees that it has walked.
    const hints = withheld.take() ?? [{ path: 'a', extent: 'entry' }]
    withheld.wait([...hints, { path: 'a', extent: 'subtree' }, { path: 'a/b', extent: 'entry' }], WHOLE, looks)
  }
  withheld.wait(
    [
      { path: 'a', extent: 'entry' },
      { path: 'c', extent: 'entry' },
    ],
    WHOLE,
    20,
  )
  assert.deepEqual(withheld.take(), [
    { path: 'a', extent: 'subtree' },
    { path: 'c', extent: 'entry' },
  ])
  assert.equal(withheld.take(), null)
})
