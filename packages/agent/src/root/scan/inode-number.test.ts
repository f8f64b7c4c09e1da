/** Inode numbers beyond the integers of a double: neighbours stay different, and the index holds them. */
import assert from 'node:assert/strict'
import { lstatSync } from 'node:fs'
import { test } from 'node:test'
import { foldInode, inodeNumber, withExactInode } from '@rootferry/host/machine'
import { TestTree, temporaryRoot } from '../../../test-support/test-tree.ts'
import { observe } from './observe.ts'

const LARGE = [2n ** 53n, 2n ** 53n + 1n, 2n ** 60n + 1n, 2n ** 60n + 2n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 64n - 1n]

test('neighbours beyond doubles stay different, and a number that a double holds is asked for once', () => {
  const folded = LARGE.map(foldInode)
  assert.equal(new Set(folded).size, LARGE.length)
  assert.ok(folded.every((inode) => Number.isSafeInteger(inode) && inode >= 0))
  assert.deepEqual(LARGE.map(inodeNumber), folded)
  assert.equal(inodeNumber(2n ** 53n - 1n), 2 ** 53 - 1)
  const stats = lstatSync('.')
  const { ino } = stats
  assert.equal(withExactInode(stats, () => assert.fail('is exact already')).ino, ino)
})

test('the index gives back what it was told of files with such numbers', () => {
  using tree = new TestTree(temporaryRoot())
  for (const [position, inode] of LARGE.entries()) {
    const stats = Object.assign(lstatSync(import.meta.filename), { ino: Number(BigInt.asUintN(64, inode)) })
    const look = observe(
      withExactInode(stats, () => inode),
      null,
      0,
    )
    assert.equal(look.found, 'entry')
    const path = `f${position}`
    tree.index.record([{ path, observation: look.observation, digest: null, sameBytes: false }])
    assert.equal(tree.index.get(path)?.inode, foldInode(inode))
    assert.deepEqual(tree.index.pathsOfInode(foldInode(inode)), [path])
  }
})
