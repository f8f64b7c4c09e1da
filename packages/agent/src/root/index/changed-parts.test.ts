/** The words for what a change has changed. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Acl, Extended } from '@rootferry/protocol'
import { CHANGED_PARTS } from '../../root-messages.ts'
import { changedBits, partsOf } from './changed-parts.ts'
import type { Observation } from './indexed-entry.ts'

const BEFORE: Observation = {
  kind: 'file',
  mode: 0o644,
  uid: 1,
  gid: 2,
  size: 3,
  mtime: 4,
  ctime: 5,
  inode: 6,
  target: null,
  extended: null,
  link: 0,
}
const ACL: Acl = [
  ['u', null, 6],
  ['g', null, 4],
  ['o', null, 0],
]
const text = (extended: Extended) => JSON.stringify(extended)
const parts = (now: Partial<Observation>, before: Partial<Observation> = {}, sameBytes = true) =>
  partsOf(changedBits({ ...BEFORE, ...before }, { ...BEFORE, ...now }, sameBytes))

describe('the parts of an entry that a change has changed', () => {
  it('are named each', () => {
    assert.deepEqual(parts({}, {}, false), ['content'])
    assert.deepEqual(parts({ mode: 0o600 }), ['mode'])
    assert.deepEqual(parts({ uid: 9 }), ['owner'])
    assert.deepEqual(parts({ gid: 9 }), ['group'])
    assert.deepEqual(parts({ mtime: 9 }), ['time'])
    assert.deepEqual(parts({ extended: text({ acl: ACL }) }), ['acl'])
    assert.deepEqual(parts({ extended: '' }, { extended: text({ defaultAcl: ACL }) }), ['acl'])
    assert.deepEqual(parts({ extended: text({ xattrs: [['user.a', 'eA==']] }) }, { extended: '' }), ['xattr'])
    assert.deepEqual(parts({ link: 8 }), ['links'])
    assert.deepEqual(parts({ kind: 'symlink', target: 'b' }, { kind: 'symlink', target: 'a' }), ['target'])
    assert.deepEqual(parts({ mode: 0o600, uid: 9, mtime: 9 }, {}, false), ['content', 'mode', 'owner', 'time'])
  })

  it('are everything of an entry that is new, or of another kind than before', () => {
    assert.deepEqual(partsOf(changedBits(null, BEFORE, false)), ['new'])
    assert.deepEqual(parts({ kind: 'directory', mode: 0o700 }), ['new'])
  })

  it('are none for what no change is: another inode, one name that is left, and what was not looked at', () => {
    assert.deepEqual(parts({ inode: 9, ctime: 9 }), [])
    assert.deepEqual(parts({ link: 0 }, { link: 8 }), [])
    assert.deepEqual(parts({ extended: null }, { extended: text({ acl: ACL }) }), [])
    assert.deepEqual(parts({ extended: '' }), [])
    assert.deepEqual(parts({ kind: 'directory' }, { kind: 'directory' }, false), [])
  })

  it('have a bit each', () => {
    assert.deepEqual(partsOf(2 ** CHANGED_PARTS.length - 1), [...CHANGED_PARTS])
    assert.deepEqual(partsOf(0), [])
  })
})
