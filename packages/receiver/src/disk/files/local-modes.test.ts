/** The modes of a message as this host will have them. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { listingWith, segmentWith } from '../../../test-support/messages-with-modes.ts'
import { localModes, setLocalModes } from './local-modes.ts'

const CASES: [string, boolean, string, { file: number; directory: number }][] = [
  ['set-id bits of files go by default', false, 'preserve', { file: 0o755, directory: 0o2755 }],
  ['they stay when they are allowed', true, 'preserve', { file: 0o6755, directory: 0o2755 }],
  ['modes are changed after that', false, 'F640,Dg-s', { file: 0o640, directory: 0o755 }],
  ["the operator's own set-id bits stand", false, 'Fu+s', { file: 0o4755, directory: 0o2755 }],
]
for (const [what, allowSetuid, mode, expected] of CASES) {
  it(what, () => {
    const modeOf = localModes(allowSetuid, mode)
    const [segment, listing] = [segmentWith(0o6755, 0o2755), listingWith(0o6755, 0o2755)]
    setLocalModes(segment, modeOf)
    setLocalModes(listing, modeOf)
    const modes = segment.changes.map((change) => ('mode' in change ? change.mode : null))
    assert.deepEqual(modes, [expected.file, expected.directory, 0o777, null])
    const listed = listing.directories[0]?.entries.map((entry) => entry[2])
    assert.deepEqual(listed, [expected.file, expected.directory, 0o777])
  })
}
