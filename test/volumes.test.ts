/**
 * Test files about volumes in one process, for the daemons that their cases share, in a mount namespace of their own; each
 * can also be run by itself.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { FILES_THAT_SHARE } from './support/files-that-share.ts'
import { loadTests } from './support/load-tests.ts'
import { ownMounts } from './support/own-mounts.ts'

const inside = ownMounts(import.meta.url)
if (inside.isInside) {
  await loadTests(FILES_THAT_SHARE.volumes.map((file) => join(import.meta.dirname, `${file}.test.ts`)))
} else {
  test('volumes of a source and of targets, in a mount namespace of their own', (t) => {
    const outcome = inside.run()
    if (outcome === null) return t.skip('nothing can be mounted here')
    assert.equal(outcome.failure, '')
  })
}
