/** Which directory counts as the one that the index describes. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { formatIdentity, parseIdentity, type RootIdentity, replacement } from './root-identity.ts'

const KNOWN: RootIdentity = { path: '/srv/a shop', device: 7, inode: 12, boot: 'one' }
const CASES: [string, Partial<RootIdentity>, RegExp | null][] = [
  ['the same directory', {}, null],
  ['the same directory after a boot', { boot: 'two' }, null],
  ['the same directory by another path', { path: '/srv/b' }, null],
  ['another directory at the path', { inode: 13 }, null],
  ['another device at the path', { device: 8 }, /another device/],
  ['another device and directory at the path', { device: 8, inode: 2 }, /unmounted/],
  ['device numbers that a boot gave out anew', { device: 8, boot: 'two' }, null],
  ['a mount that is missing after a boot', { device: 8, inode: 2, boot: 'two' }, /unmounted/],
  ['another directory at another path', { path: '/srv/b', inode: 13 }, /another directory, \/srv\/a shop/],
]
for (const [what, change, says] of CASES) {
  it(`${what}: ${says === null ? 'continues' : 'is another root'}`, () => {
    const fault = replacement(KNOWN, { ...KNOWN, ...change })
    if (says === null) assert.equal(fault, null)
    else assert.match(fault ?? '', says)
  })
}

it('survives being written down', () => {
  assert.deepEqual(parseIdentity(formatIdentity(KNOWN)), KNOWN)
  assert.equal(parseIdentity(null), null)
  assert.equal(parseIdentity('7'), null)
})
