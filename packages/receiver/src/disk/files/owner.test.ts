/** Owners by name, by number, fixed, or not set at all. */

import assert from 'node:assert/strict'
import { lstatSync, utimesSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { chooseSystemCalls, Failure } from '@rootferry/host/machine'
import { absent, directory, Feed, file, Scratch, symlink } from '../../../test-support/test-feed.ts'
import type { OwnerPolicy } from '../../root-messages.ts'
import { OwnerMap } from './owner.ts'
import { LEAVE } from './staged-change.ts'

function open(scratch: Scratch, policy: OwnerPolicy, privileged = true) {
  writeFileSync(scratch.at('passwd'), 'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/:/bin/false\n')
  writeFileSync(scratch.at('group'), 'root:x:0:\nwww-data:x:44:\n')
  const warnings: string[] = []
  const map = new OwnerMap({
    policy,
    privileged,
    warn: (message) => warnings.push(message),
    passwdFile: scratch.at('passwd'),
    groupFile: scratch.at('group'),
  })
  return { map, warnings }
}

test('an owner that this user namespace does not have is left alone, and no other one', () => {
  using scratch = new Scratch()
  writeFileSync(scratch.at('map'), '         0     100000      65536\n')
  const warnings: string[] = []
  const map = new OwnerMap({
    policy: 'preserve',
    privileged: true,
    warn: (message) => warnings.push(message),
    uidMapFile: scratch.at('map'),
    gidMapFile: scratch.at('map'),
  })
  const ownerOf = map.forMessage([], [])
  assert.deepEqual(ownerOf(70_000, 33), { uid: LEAVE, gid: 33 })
  assert.deepEqual(ownerOf(65_535, 65_536), { uid: 65_535, gid: LEAVE })
  assert.deepEqual(ownerOf(70_000, 33), { uid: LEAVE, gid: 33 })
  assert.deepEqual(
    warnings.map((text) => text.split(' does')[0]),
    ['user 70000', 'group 65536'],
  )
})

test('a fixed owner that this user namespace does not have, or nobody can have, is refused', () => {
  using scratch = new Scratch()
  writeFileSync(scratch.at('map'), '         0     100000      65536\n')
  const open = (policy: OwnerPolicy, uidMapFile: string) =>
    new OwnerMap({ policy, privileged: true, warn: () => undefined, uidMapFile, gidMapFile: uidMapFile })
  const refused = (error: unknown) =>
    error instanceof Failure && error.exitCode === 78 && /does not exist in this user namespace/.test(error.message)
  open({ user: '65535', group: '0' }, scratch.at('map'))
  for (const [user, group] of [
    ['70000', '0'],
    ['0', '70000'],
  ] as const)
    assert.throws(() => open({ user, group }, scratch.at('map')), refused)
  writeFileSync(scratch.at('all'), '         0          0 4294967295\n')
  for (const user of ['4294967295', '4294967296'])
    assert.throws(() => open({ user, group: '0' }, scratch.at('all')), refused)
})

test('an owner is mapped by the name that the agent gives, else by number', () => {
  using scratch = new Scratch()
  const { map, warnings } = open(scratch, 'preserve')
  const ownerOf = map.forMessage(
    [
      [1000, 'www-data'],
      [7, 'nobody-here'],
    ],
    [[1000, 'www-data']],
  )
  assert.deepEqual(ownerOf(1000, 1000), { uid: 33, gid: 44 })
  assert.deepEqual(ownerOf(7, 8), { uid: 7, gid: 8 })
  writeFileSync(scratch.at('passwd'), 'www-data:x:55:55::/:/bin/false\n')
  utimesSync(scratch.at('passwd'), 1, 1)
  assert.deepEqual(map.forMessage([[1000, 'www-data']], [])(1000, 5), { uid: 55, gid: 5 })
  assert.deepEqual(warnings, [])
})

test('a fixed owner is resolved once, by name or number, and refused when unknown', () => {
  using scratch = new Scratch()
  const { map } = open(scratch, { user: 'www-data', group: '12' })
  assert.deepEqual(map.forMessage([], [])(1, 2), { uid: 33, gid: 12 })
  const refused = (error: unknown) =>
    error instanceof Failure && error.exitCode === 78 && /no user 'x'/.test(error.message)
  assert.throws(() => open(scratch, { user: 'x', group: '0' }), refused)
})

test('what is here belongs to that owner of the agent which becomes it here, and else to nobody of the agent', () => {
  using scratch = new Scratch()
  const { map } = open(scratch, 'preserve')
  // web at the agent has the number of nobody here, and 33 of the agent is another's name.
  const back = map.backwards(
    [
      [1001, 'www-data'],
      [33, 'root'],
    ],
    [[7, 'www-data']],
  )
  assert.deepEqual(back(33, 44), { uid: 1001, gid: 7 })
  assert.deepEqual(back(0, 500), { uid: 33, gid: 500 })
  assert.deepEqual(back(4_000, 44), { uid: 4_000, gid: 7 })
  assert.equal(back(1001, 44), null, 'the agent calls 1001 www-data, which is 33 here')
  assert.equal(back(33, 7), null)
  assert.ok(map.follows)
})

test('where owners are fixed or left alone, only one that would be changed is nobody of the agent', () => {
  using scratch = new Scratch()
  const fixed = open(scratch, { user: 'www-data', group: 'www-data' }).map
  assert.deepEqual([fixed.follows, fixed.backwards([], [])(33, 44)], [false, { uid: 0, gid: 0 }])
  assert.equal(fixed.backwards([], [])(0, 44), null)
  const left = open(scratch, 'keep').map
  assert.deepEqual([left.follows, left.backwards([], [])(1, 2)], [false, { uid: 0, gid: 0 }])
})

test('owners are left alone when told so, and with one warning when they cannot be set', () => {
  using scratch = new Scratch()
  const left = { uid: LEAVE, gid: LEAVE }
  const kept = open(scratch, 'keep')
  assert.deepEqual(kept.map.forMessage([], [])(1, 2), left)
  assert.deepEqual(kept.warnings, [])
  const unprivileged = open(scratch, 'preserve', false)
  assert.deepEqual(unprivileged.map.forMessage([], [])(1, 2), left)
  assert.equal(unprivileged.warnings.length, 1)
  const refused = open(scratch, 'preserve')
  const ownerOf = refused.map.forMessage([], [])
  refused.map.refused('EPERM')
  refused.map.refused('EPERM')
  assert.deepEqual(ownerOf(1, 2), left)
  assert.equal(refused.warnings.length, 1)
})

test('owners and special bits come out on disk as far as this process may set them', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  const isRoot = lstatSync(scratch.path).uid === 0
  const owner = { uid: 1234, gid: 4321 }
  const fed = [
    directory('d', { ...owner, mode: 0o2750 }),
    file('d/f', 'x', { ...owner, mode: 0o4755 }),
    symlink('d/l', 'f', owner),
    file('own', 'y', { mode: 0o1644 }),
  ]
  await feed.commit(fed)
  const look = (name: string) => {
    const { uid, gid, mode } = lstatSync(scratch.at('target', name))
    return [uid, gid, mode & 0o7777]
  }
  const { uid, gid } = lstatSync(scratch.at('state'))
  const ids = isRoot ? [1234, 4321] : [uid, gid]
  assert.deepEqual(look('d'), [...ids, 0o2750])
  assert.deepEqual(look('d/f'), [...ids, 0o4755])
  assert.deepEqual(look('d/l').slice(0, 2), ids)
  assert.deepEqual(look('own'), [uid, gid, 0o1644])
  await feed.commit([file('d/f', 'x', { ...owner, uid: 99, mode: 0o4755, source: 'keep' }), directory('d')])
  assert.deepEqual(look('d/f'), isRoot ? [99, 4321, 0o4755] : [...ids, 0o4755])
  assert.deepEqual(look('d'), [uid, gid, 0o755])
  const warnings = feed.all('log').filter(({ level }) => level === 'warn')
  assert.equal(warnings.length, isRoot ? 0 : 1)
  await feed.commit([absent('own')])
})

test('a name that the files do not have is asked of the directory service', () => {
  using scratch = new Scratch()
  for (const name of ['passwd', 'group']) writeFileSync(scratch.at(name), 'www-data:x:33:\n')
  const { accounts } = chooseSystemCalls('libc').calls
  const files = { passwdFile: scratch.at('passwd'), groupFile: scratch.at('group') }
  const map = new OwnerMap({ policy: 'preserve', privileged: true, warn: assert.fail, accounts, ...files })
  const ownerOf = map.forMessage(
    [
      [1000, 'www-data'],
      [1001, 'root'],
      [1002, 'nobody-has-this-name'],
    ],
    [[1001, 'root']],
  )
  assert.deepEqual(ownerOf(1000, 1001), { uid: 33, gid: 0 })
  assert.deepEqual(ownerOf(1001, 5), { uid: 0, gid: 5 })
  assert.deepEqual(ownerOf(1002, 5), { uid: 1002, gid: 5 })
})
