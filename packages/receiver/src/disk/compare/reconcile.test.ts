/** The verdicts of a comparison on each kind of difference. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf, type ListedEntry } from '@rootferry/protocol'
import { LEAVE } from '../files/staged-change.ts'
import type { LocalEntry } from './local-scan.ts'
import { reconcile } from './reconcile.ts'

const digest = digestOf(Buffer.from('x'))
const same = (uid: number, gid: number) => ({ uid, gid })
const found = (given: Partial<LocalEntry>): ReadonlyMap<string, LocalEntry> =>
  new Map([['n', { kind: 'file', size: 1, mode: 0o644, uid: 1, gid: 2, mtime: 1000, ...given } satisfies LocalEntry]])
const listedFile: ListedEntry = ['n', 'f', 0o644, 1, 2, 1000, 1, digest]
const listedDirectory: ListedEntry = ['n', 'd', 0o755, 1, 2, 1000]
const listedSymlink: ListedEntry = ['n', 'l', 0o777, 1, 2, 1000, 'to']
const want = (difference: 'missing' | 'changed', size: number, mayHold = false) => {
  return { name: 'n', do: 'want', difference, size, mayHold }
}
const none = { mode: null, uid: LEAVE, gid: LEAVE, mtime: null }

test('what is missing, of another kind, size or target, or has no digest, is wanted', () => {
  assert.deepEqual(reconcile([listedFile], new Map(), same, 'strict'), [want('missing', 1)])
  const changed = [want('changed', 1)]
  const other = [want('changed', 0)]
  const directory = found({ kind: 'directory', mode: 0o755 })
  assert.deepEqual(reconcile([listedFile], directory, same, 'strict'), changed)
  assert.deepEqual(reconcile([listedFile], found({ size: 2 }), same, 'strict'), changed)
  assert.deepEqual(reconcile([['n', 'f', 0o644, 1, 2, 1000, 1, null]], found({}), same, 'strict'), changed)
  assert.deepEqual(reconcile([listedDirectory], found({}), same, 'strict'), other)
  assert.deepEqual(reconcile([listedDirectory], found({ kind: 'symlink', target: 'd' }), same, 'strict'), other)
  assert.deepEqual(reconcile([listedSymlink], found({ kind: 'symlink', target: 'from' }), same, 'strict'), other)
  assert.deepEqual(reconcile([listedSymlink], directory, same, 'strict'), other)
})

test('equal directories and symlinks say nothing, a file of equal size is to be read', () => {
  assert.deepEqual(reconcile([listedDirectory], found({ kind: 'directory', mode: 0o755 }), same, 'strict'), [])
  assert.deepEqual(
    reconcile([listedSymlink], found({ kind: 'symlink', mode: 0o777, target: 'to' }), same, 'strict'),
    [],
  )
  const read = { name: 'n', do: 'read', size: 1, digest, attributes: null }
  assert.deepEqual(reconcile([listedFile], found({}), same, 'strict'), [read])
  assert.deepEqual(reconcile([listedFile], found({ mtime: 2000 }), same, 'strict'), [
    { ...read, attributes: { ...none, mtime: 1000 } },
  ])
})

test('attributes alone are set, owners as they are mapped, and a mode again after a change of owner', () => {
  const directory = found({ kind: 'directory', mode: 0o700 })
  const set = { name: 'n', do: 'set', kind: 'directory' }
  assert.deepEqual(reconcile([listedDirectory], directory, same, 'strict'), [
    { ...set, attributes: { ...none, mode: 0o755 } },
  ])
  const mapped = () => ({ uid: 33, gid: 2 })
  assert.deepEqual(reconcile([listedDirectory], found({ kind: 'directory', mode: 0o755 }), mapped, 'strict'), [
    { ...set, attributes: { ...none, mode: 0o755, uid: 33 } },
  ])
  const left = () => ({ uid: LEAVE, gid: LEAVE })
  assert.deepEqual(reconcile([listedDirectory], found({ kind: 'directory', mode: 0o755, uid: 99 }), left, 'strict'), [])
  const symlink = found({ kind: 'symlink', mode: 0o777, target: 'to', mtime: 5 })
  assert.deepEqual(reconcile([listedSymlink], symlink, same, 'strict'), [
    { name: 'n', do: 'set', kind: 'symlink', attributes: { ...none, mtime: 1000 } },
  ])
})

test('without digests size and time decide; a time alone says that the content may be here', () => {
  for (const entry of [listedFile, ['n', 'f', 0o644, 1, 2, 1000, 1, null]] satisfies ListedEntry[]) {
    assert.deepEqual(reconcile([entry], found({}), same, 'metadata'), [])
    assert.deepEqual(reconcile([entry], found({ mtime: 5000 }), same, 'metadata'), [want('changed', 1, true)])
    assert.deepEqual(reconcile([entry], found({ size: 2 }), same, 'metadata'), [want('changed', 1)])
    assert.deepEqual(reconcile([entry], found({ mode: 0o600 }), same, 'metadata'), [
      { name: 'n', do: 'set', kind: 'file', attributes: { ...none, mode: 0o644 } },
    ])
  }
})

test('a content check reads where there is a digest, and otherwise goes by size and time', () => {
  const read = { name: 'n', do: 'read', size: 1, digest, attributes: null }
  assert.deepEqual(reconcile([listedFile], found({}), same, 'content'), [read])
  const unknown: ListedEntry = ['n', 'f', 0o644, 1, 2, 1000, 1, null]
  assert.deepEqual(reconcile([unknown], found({}), same, 'content'), [])
  assert.deepEqual(reconcile([unknown], found({ mtime: 5000 }), same, 'content'), [want('changed', 1, true)])
})

test('what is unsettled is neither missing nor changed', () => {
  for (const check of ['metadata', 'content', 'strict'] as const) {
    assert.deepEqual(reconcile([['n', 'u']], new Map(), same, check), [])
    const asked = check === 'strict' ? [{ name: 'n', do: 'ask' }] : []
    assert.deepEqual(reconcile([['n', 'u']], found({ size: 7 }), same, check), asked)
    const directory = found({ kind: 'directory', mode: 0o755 })
    assert.deepEqual(reconcile([['n', 'u']], directory, same, check), [{ name: 'n', do: 'leave' }])
  }
})
