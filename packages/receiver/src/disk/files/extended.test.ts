/** ACLs and extended attributes on the real disk: set, taken off, compared, and refused one by one. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, closeSync, constants, lstatSync, mkdirSync, openSync, symlinkSync, writeFileSync } from 'node:fs'
import { getuid } from 'node:process'
import { test } from 'node:test'
import { type AttributeCalls, libcCalls, O_PATH } from '@rootferry/host/machine'
import type { Extended, Preserved } from '@rootferry/protocol'
import { Scratch } from '../../../test-support/test-feed.ts'
import { setAttributes } from './attributes.ts'
import { ExtendedRefused, isDiskTrouble, isSystemError } from './disk-errors.ts'
import { ExtendedAttributes, isOther, type LocalExtended } from './extended.ts'
import { LEAVE } from './staged-change.ts'

const ALL: Preserved = { acls: true, xattrs: ['user', 'selinux', 'capability'], hardLinks: false }
const calls = libcCalls().calls?.attributes ?? null
const skip = calls === null ? 'libc cannot be called' : getuid?.() === 0 ? false : 'needs root'
const EXTENDED: Extended = {
  acl: [
    ['u', null, 7],
    ['u', 1001, 6],
    ['g', null, 4],
    ['m', null, 7],
    ['o', null, 7],
  ],
  xattrs: [
    ['security.capability', 'AQAAAgAgAAAAAAAAAAAAAAAAAAA='],
    ['user.origin', 'aA=='],
  ],
}
const mapped = (_: 'u' | 'g', id: number) => id + 1

function open(preserved: Preserved, allowsCapabilities = true): ExtendedAttributes {
  return new ExtendedAttributes({ calls, preserved, allowsCapabilities })
}

function wantedOf(extended: ExtendedAttributes, said: Extended | undefined, mode: number): LocalExtended {
  return extended.wanted(said, mode, mapped) ?? assert.fail('something is preserved')
}

function set(extended: ExtendedAttributes, location: string, wanted: LocalExtended, mode: number): void {
  setAttributes(location, 'file', { mode, uid: LEAVE, gid: LEAVE, mtime: null, extended: wanted }, extended)
}

const getfacl = (location: string) =>
  execFileSync('getfacl', ['-nc', '--absolute-names', location], { encoding: 'utf8' }).trim().split('\n')

test('what is wanted is set, with numbers as they are here and the permissions of the mode, and taken off again', {
  skip,
}, () => {
  using scratch = new Scratch()
  const file = scratch.at('f')
  writeFileSync(file, 'x', { mode: 0o600 })
  const extended = open(ALL)
  const wanted = wantedOf(extended, EXTENDED, 0o640)
  set(extended, file, wanted, 0o640)
  assert.deepEqual(getfacl(file), [
    'user::rw-',
    'user:1002:rw-\t#effective:r--',
    'group::r--',
    'mask::r--',
    'other::---',
  ])
  assert.equal(lstatSync(file).mode & 0o7777, 0o640)
  assert.equal(isOther(extended.readAt(file) ?? [], wanted), false)
  execFileSync('setfattr', ['-n', 'trusted.other', '-v', 'stays', file])
  set(extended, file, wantedOf(extended, undefined, 0o600), 0o600)
  assert.deepEqual(extended.readAt(file), [])
  assert.equal(lstatSync(file).mode & 0o7777, 0o600)
  assert.match(execFileSync('getfattr', ['-m', '-', file], { encoding: 'utf8', cwd: '/' }), /trusted\.other/)
})

test('capabilities are left out unless set-user-id bits are allowed, and survive a change of the owner', {
  skip,
}, () => {
  using scratch = new Scratch()
  const file = scratch.at('f')
  writeFileSync(file, 'x')
  const strict = open(ALL, false)
  set(strict, file, wantedOf(strict, EXTENDED, 0o755), 0o755)
  const names = (extended: ExtendedAttributes) => extended.readAt(file)?.map(([name]) => name)
  assert.deepEqual(names(open(ALL)), ['system.posix_acl_access', 'user.origin'])
  const allowing = open(ALL)
  const wanted = wantedOf(allowing, EXTENDED, 0o755)
  const change = { mode: 0o755, uid: 12, gid: 13, mtime: null, extended: wanted }
  set(allowing, file, wanted, 0o755)
  setAttributes(file, 'file', change, allowing)
  assert.deepEqual(names(allowing), ['security.capability', 'system.posix_acl_access', 'user.origin'])
})

test('kinds that are not preserved are neither set nor taken off', { skip }, () => {
  using scratch = new Scratch()
  const file = scratch.at('f')
  writeFileSync(file, 'x')
  execFileSync('setfacl', ['-m', 'u:7:r', file])
  const extended = open({ acls: false, xattrs: ['user'], hardLinks: false })
  const wanted = wantedOf(extended, EXTENDED, 0o644)
  assert.deepEqual(wanted, [['user.origin', 'aA==']])
  set(extended, file, wanted, 0o644)
  assert.ok(getfacl(file).some((line) => line.startsWith('user:7:')))
  assert.equal(open({ acls: false, xattrs: [], hardLinks: false }).wanted(EXTENDED, 0o644, mapped), null)
})

test('the label of a symlink is its own', { skip }, () => {
  using scratch = new Scratch()
  writeFileSync(scratch.at('f'), 'x')
  symlinkSync('f', scratch.at('link'))
  const extended = open({ acls: false, xattrs: ['selinux'], hardLinks: false })
  const wanted = wantedOf(extended, { xattrs: [['security.selinux', 'bGFiZWwA']] }, 0o777)
  const change = { mode: null, uid: LEAVE, gid: LEAVE, mtime: null, extended: wanted }
  setAttributes(scratch.at('link'), 'symlink', change, extended)
  assert.deepEqual(extended.readAt(scratch.at('link')), wanted)
  assert.deepEqual(extended.readAt(scratch.at('f')), [])
  assert.equal(isOther(wanted, []), false, 'a label is never taken off')
})

test('a refused attribute is a problem of its object, which has its mode and time; others are the disk’s', {
  skip,
}, () => {
  using scratch = new Scratch()
  const file = scratch.at('f')
  writeFileSync(file, 'x')
  const faulty = (code: string): AttributeCalls => ({
    ...{ list: () => [], get: () => null, remove: () => undefined },
    set: () => {
      throw Object.assign(new Error(`${code}: injected`), { code, syscall: 'setxattr' })
    },
  })
  const refusing = (code: string) => () => {
    const extended = new ExtendedAttributes({ calls: faulty(code), preserved: ALL, allowsCapabilities: false })
    set(extended, file, wantedOf(extended, EXTENDED, 0o750), 0o750)
  }
  for (const code of ['ENOSPC', 'ENOTSUP', 'EPERM', 'EINVAL', 'E2BIG'])
    assert.throws(
      refusing(code),
      (error) => error instanceof ExtendedRefused && error.code === code && isSystemError(error),
    )
  assert.equal(lstatSync(file).mode & 0o7777, 0o750)
  assert.equal(isDiskTrouble(new ExtendedRefused('ENOSPC', '')), false)
  for (const code of ['EIO', 'EROFS', 'ENOENT'])
    assert.throws(refusing(code), (error) => !(error instanceof ExtendedRefused) && isSystemError(error))
  const none = new ExtendedAttributes({ calls: null, preserved: ALL, allowsCapabilities: false })
  assert.throws(() => set(none, file, wantedOf(none, EXTENDED, 0o644), 0o644), { code: 'ENOTSUP' })
  set(none, file, [], 0o644)
})

test('what staging hands down is noticed, and an object elsewhere gets what this one has', { skip }, () => {
  using scratch = new Scratch()
  mkdirSync(scratch.at('d'))
  const extended = open(ALL)
  assert.equal(extended.isHandedDown(scratch.at('d')), false)
  execFileSync('setfacl', ['-d', '-m', 'u:7:rwx', scratch.at('d')])
  assert.equal(extended.isHandedDown(scratch.at('d')), true)
  writeFileSync(scratch.at('f'), 'x')
  writeFileSync(scratch.at('d/f'), 'x')
  chmodSync(scratch.at('f'), 0o644)
  set(extended, scratch.at('f'), wantedOf(extended, EXTENDED, 0o644), 0o644)
  assert.equal(extended.transfer(scratch.at('f'), scratch.at('d/f')), null)
  assert.deepEqual(extended.readAt(scratch.at('d/f')), extended.readAt(scratch.at('f')))
  const descriptor = openSync(scratch.at('f'), O_PATH | constants.O_NOFOLLOW)
  assert.deepEqual(extended.read(descriptor, null), extended.readAt(scratch.at('f')))
  closeSync(descriptor)
})
