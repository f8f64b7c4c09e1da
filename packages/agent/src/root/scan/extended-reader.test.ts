/** What the scanner records of ACLs and extended attributes, on the real disk, and how often it asks for them. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { digestOf, type Preserved } from '@rootferry/protocol'
import { TestTree, temporaryRoot } from '../../../test-support/test-tree.ts'

const ALL: Preserved = { acls: true, xattrs: ['user', 'selinux', 'capability'], hardLinks: false }
const setfacl = (...rest: string[]) => execFileSync('setfacl', rest)
const setfattr = (...rest: string[]) => execFileSync('setfattr', rest)

function makeTree(preserved: Preserved): TestTree {
  const tree = new TestTree(temporaryRoot(), [], preserved)
  mkdirSync(join(tree.root, 'd'))
  writeFileSync(join(tree.root, 'd/f'), 'x', { mode: 0o644 })
  symlinkSync('f', join(tree.root, 'd/link'))
  setfattr('-n', 'user.b', '-v', 'two', join(tree.root, 'd/f'))
  setfattr('-n', 'user.a', '-v', '0xff00', join(tree.root, 'd/f'))
  setfacl('-m', 'u:1001:rw', join(tree.root, 'd/f'))
  setfacl('-d', '-m', 'g:33:rx', join(tree.root, 'd'))
  return tree
}

/** As after a first sync: the bytes are known. */
function learn({ index }: TestTree): void {
  const { content = 0 } = index.get('d/f') ?? {}
  index.learnDigests([{ path: 'd/f', content, digest: digestOf(Buffer.from('x')) }])
}

test('an entry has its attributes in order, and nothing where it has none', () => {
  using tree = makeTree(ALL)
  tree.scanAll()
  const { acl, xattrs } = JSON.parse(tree.index.get('d/f')?.extended ?? '')
  assert.deepEqual(acl, [
    ['u', null, 6],
    ['u', 1001, 6],
    ['g', null, 4],
    ['m', null, 6],
    ['o', null, 4],
  ])
  assert.deepEqual(xattrs, [
    ['user.a', '/wA='],
    ['user.b', 'dHdv'],
  ])
  const { acl: own, defaultAcl } = JSON.parse(tree.index.get('d')?.extended ?? '')
  assert.equal(own, undefined)
  assert.ok(defaultAcl.some((entry: unknown[]) => entry.join() === 'g,33,5'))
  assert.equal(tree.index.get('d/link')?.extended, '')
  assert.equal(tree.index.get('.')?.extended, '')
})

test('a changed attribute is a change without other bytes; an unchanged file is not asked again', () => {
  using tree = makeTree(ALL)
  tree.scanAll()
  learn(tree)
  tree.attributesRead = 0
  assert.deepEqual(tree.scanAll(), [])
  assert.equal(tree.attributesRead, 3, 'the directories and the symlink')
  const before = tree.index.get('d/f')
  setfattr('-x', 'user.b', join(tree.root, 'd/f'))
  assert.deepEqual(tree.scan('d/f'), ['d/f'])
  assert.equal(tree.index.get('d/f')?.content, before?.content)
  setfacl('-k', join(tree.root, 'd'))
  assert.deepEqual(tree.scan('d'), ['d'])
  assert.equal(tree.index.get('d')?.extended, '')
})

test('only what is preserved is recorded, and other kinds are no change', () => {
  using tree = makeTree({ acls: false, xattrs: ['user'], hardLinks: false })
  tree.scanAll()
  assert.deepEqual(Object.keys(JSON.parse(tree.index.get('d/f')?.extended ?? '')), ['xattrs'])
  learn(tree)
  // The mask of an ACL is a part of the mode, which stays as it is here.
  setfacl('-m', 'u:1001:r,m::rw', join(tree.root, 'd/f'))
  assert.deepEqual(tree.scan('d/f'), [])
})

test('when other kinds are to be preserved, everything is looked at again', () => {
  using tree = makeTree({ acls: false, xattrs: ['user'], hardLinks: false })
  tree.scanAll()
  learn(tree)
  tree.index.preserved.use({ acls: true, xattrs: [], hardLinks: false })
  assert.equal(tree.index.get('d/f')?.extended, null)
  assert.deepEqual(tree.index.preserved.kinds, { acls: true, xattrs: [], hardLinks: false })
  tree.index.preserved.use({ acls: true, xattrs: [], hardLinks: false })
  assert.deepEqual(tree.scanAll(), ['d/f'], 'what has none is as it was taken to be')
})

test('more than a message has room for is a problem of the path, and the path keeps its row', () => {
  using tree = makeTree(ALL)
  tree.scanAll()
  learn(tree)
  const value = `0x${'00'.repeat(60_000)}`
  try {
    for (let number = 0; number < 4; number += 1) setfattr('-n', `user.${number}`, '-v', value, join(tree.root, 'd/f'))
  } catch {
    // The filesystem bounds them to less.
    return
  }
  assert.deepEqual(tree.scan('d/f'), [])
  assert.match(tree.problems.list()[0]?.message ?? '', /256 KiB/)
})

test('what changed under one name is found under the others when a directory is listed', () => {
  using tree = new TestTree(temporaryRoot(), [], { ...ALL, hardLinks: true })
  mkdirSync(join(tree.root, 'd'))
  writeFileSync(join(tree.root, 'd/f'), 'x')
  linkSync(join(tree.root, 'd/f'), join(tree.root, 'other'))
  tree.scanAll()
  assert.ok(tree.index.get('other')?.link !== 0 && tree.index.get('other')?.link === tree.index.get('d/f')?.link)
  setfattr('-n', 'user.a', '-v', '1', join(tree.root, 'd/f'))
  assert.deepEqual(tree.scan({ path: 'd', extent: 'subtree' }).sort(), ['d/f', 'other'])
})
