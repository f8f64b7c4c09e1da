/** What a comparison says of each kind of difference. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf, type ListedEntry } from '@rootferry/protocol'
import { LEAVE } from '../apply/staged-change.ts'
import type { LocalEntry } from './local-scan.ts'
import { reconcile } from './reconcile.ts'

const digest = digestOf(Buffer.from('x'))
const same = (uid: number, gid: number) => ({ uid, gid })
const found = (given: Partial<LocalEntry>): ReadonlyMap<string, LocalEntry> =>
  new Map([['n', { kind: 'file', size: 1, mode: 0o644, uid: 1, gid: 2, mtime: 1000, ...given } satisfies LocalEntry]])
const listedFile: ListedEntry = ['n', 'f', 0o644, 1, 2, 1000, 1, digest]
const listedDirectory: ListedEntry = ['n', 'd', 0o755, 1, 2, 1000]
const listedSymlink: ListedEntry = ['n', 'l', 0o777, 1, 2, 1000, 'to']
const none = { mode: null, uid: LEAVE, gid: LEAVE, mtime: null }

test('what is missing, of another kind, size or target, or has no digest, is wanted', () => {
  assert.deepEqual(reconcile([listedFile], new Map(), same), [{ name: 'n', do: 'want', difference: 'missing' }])
  const changed = [{ name: 'n', do: 'want', difference: 'changed' }]
  const directory = found({ kind: 'directory', mode: 0o755 })
  assert.deepEqual(reconcile([listedFile], directory, same), changed)
  assert.deepEqual(reconcile([listedFile], found({ size: 2 }), same), changed)
  assert.deepEqual(reconcile([['n', 'f', 0o644, 1, 2, 1000, 1, null]], found({}), same), changed)
  assert.deepEqual(reconcile([listedDirectory], found({}), same), changed)
  assert.deepEqual(reconcile([listedDirectory], found({ kind: 'symlink', target: 'd' }), same), changed)
  assert.deepEqual(reconcile([listedSymlink], found({ kind: 'symlink', target: 'from' }), same), changed)
  assert.deepEqual(reconcile([listedSymlink], directory, same), changed)
})

test('equal directories and symlinks say nothing, a file of equal size is to be read', () => {
  assert.deepEqual(reconcile([listedDirectory], found({ kind: 'directory', mode: 0o755 }), same), [])
  assert.deepEqual(reconcile([listedSymlink], found({ kind: 'symlink', mode: 0o777, target: 'to' }), same), [])
  const read = { name: 'n', do: 'read', size: 1, digest, attributes: null }
  assert.deepEqual(reconcile([listedFile], found({}), same), [read])
  assert.deepEqual(reconcile([listedFile], found({ mtime: 2000 }), same), [
    { ...read, attributes: { ...none, mtime: 1000 } },
  ])
})

test('attributes alone are set, owners as they are mapped, and a mode again after a change of owner', () => {
  const directory = found({ kind: 'directory', mode: 0o700 })
  const set = { name: 'n', do: 'set', kind: 'directory' }
  assert.deepEqual(reconcile([listedDirectory], directory, same), [{ ...set, attributes: { ...none, mode: 0o755 } }])
  const mapped = () => ({ uid: 33, gid: 2 })
  assert.deepEqual(reconcile([listedDirectory], found({ kind: 'directory', mode: 0o755 }), mapped), [
    { ...set, attributes: { ...none, mode: 0o755, uid: 33 } },
  ])
  const left = () => ({ uid: LEAVE, gid: LEAVE })
  assert.deepEqual(reconcile([listedDirectory], found({ kind: 'directory', mode: 0o755, uid: 99 }), left), [])
  const symlink = found({ kind: 'symlink', mode: 0o777, target: 'to', mtime: 5 })
  assert.deepEqual(reconcile([listedSymlink], symlink, same), [
    { name: 'n', do: 'set', kind: 'symlink', attributes: { ...none, mtime: 1000 } },
  ])
})
