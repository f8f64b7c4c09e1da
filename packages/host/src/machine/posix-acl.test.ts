/** The kernel's form of ACLs: what setfacl makes is read, and what is written is what getfacl shows. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import { test } from 'node:test'
import type { Acl } from '@rootferry/protocol'
import fc from 'fast-check'
import { TemporaryDirectory } from '../../test-support/temporary-directory.ts'
import { libcCalls } from './choose-system-calls.ts'
import { O_PATH } from './open-flags.ts'
import { ACCESS_ACL, decodeAcl, encodeAcl, withMode } from './posix-acl.ts'

const ACL: Acl = [
  ['u', null, 6],
  ['u', 0, 7],
  ['u', 1234, 4],
  ['g', null, 4],
  ['g', 4_000_000_000, 1],
  ['m', null, 7],
  ['o', null, 0],
]

test('an ACL survives encoding and decoding, whatever the order of its entries', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(ACL, { minLength: ACL.length }), (acl) => {
      assert.deepEqual(decodeAcl(encodeAcl(acl)), ACL)
    }),
  )
})

test('a value of another version, tag or length is no ACL', () => {
  const value = encodeAcl(ACL)
  assert.equal(decodeAcl(value.subarray(0, 5)), null)
  assert.equal(decodeAcl(value.subarray(0, 3)), null)
  assert.equal(decodeAcl(Buffer.from([3, ...value.subarray(1)])), null)
  assert.equal(decodeAcl(Buffer.from([...value.subarray(0, 4), 0x40, ...value.subarray(5)])), null)
})

test('owner, mask and others have the permissions of the mode', () => {
  const changed = withMode(ACL, 0o2751)
  assert.deepEqual(
    changed.filter(([, id]) => id === null),
    [
      ['u', null, 7],
      ['g', null, 4],
      ['m', null, 5],
      ['o', null, 1],
    ],
  )
  assert.deepEqual(changed[1], ['u', 0, 7])
})

test('an ACL that is set through a descriptor of O_PATH is what getfacl shows', (t) => {
  const { calls } = libcCalls()
  if (calls?.attributes === null || calls === null) return t.skip('libc cannot be called')
  using place = new TemporaryDirectory()
  place.write('f')
  const descriptor = openSync(place.at('f'), O_PATH | constants.O_NOFOLLOW)
  try {
    calls.attributes.set(
      descriptor,
      null,
      ACCESS_ACL,
      encodeAcl(ACL, (_, id) => id + 1),
      'any',
    )
    const shown = execFileSync('getfacl', ['-nc', '--absolute-names', place.at('f')], { encoding: 'utf8' })
    assert.match(
      shown,
      /^user::rw-\nuser:1:rwx\nuser:1235:r--\ngroup::r--\ngroup:4000000001:--x\nmask::rwx\nother::---$/m,
    )
    assert.deepEqual(decodeAcl(calls.attributes.get(descriptor, null, ACCESS_ACL) ?? new Uint8Array())?.length, 7)
  } finally {
    closeSync(descriptor)
  }
})
