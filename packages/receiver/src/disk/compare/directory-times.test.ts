/** When a directory's time is a difference of its own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ROOT_PATH } from '@rootferry/protocol'
import { LEAVE } from '../files/staged-change.ts'
import { DirectoryTimes, isOnlyTime } from './directory-times.ts'

test('a time that nothing explains is a difference once, with whether it was set', () => {
  const times = new DirectoryTimes()
  assert.ok(times.wait('a', true))
  assert.ok(times.wait('b', false))
  assert.deepEqual([times.conclude('a'), times.conclude('a')], [true, null])
  assert.equal(times.conclude('b'), false)
  assert.equal(times.conclude('c'), null)
})

test('what differs explains the time of the directory that holds it, and of no other', () => {
  const times = new DirectoryTimes()
  for (const path of [ROOT_PATH, 'a', 'a/b']) times.wait(path, true)
  times.explain('a/b/c')
  times.explain(ROOT_PATH)
  assert.deepEqual([times.conclude('a/b'), times.conclude('a'), times.conclude(ROOT_PATH)], [null, true, true])
  times.wait(ROOT_PATH, true)
  times.explain('a')
  assert.equal(times.conclude(ROOT_PATH), null)
})

test('when too many wait, the others must be reported at once', () => {
  const times = new DirectoryTimes()
  for (let number = 0; number < 10_000; number += 1) assert.ok(times.wait(`d${number}`, true))
  assert.equal(times.wait('one more', true), false)
  times.clear()
  assert.ok(times.wait('one more', true))
})

test('only a directory of which nothing but the time is to be set waits', () => {
  const attributes = { mode: null, uid: LEAVE, gid: LEAVE, mtime: 1 }
  const set = { name: 'n', do: 'set', kind: 'directory', attributes } as const
  assert.ok(isOnlyTime(set))
  assert.ok(!isOnlyTime({ ...set, kind: 'file' }))
  for (const other of [{ mode: 0o755 }, { uid: 1 }, { gid: 1 }]) {
    assert.ok(!isOnlyTime({ ...set, attributes: { ...attributes, ...other } }))
  }
})
