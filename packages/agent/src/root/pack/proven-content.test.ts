/**
 * The content that receivers at a cursor provably hold: copies name that only, whatever happened to files on the way.
 */
import assert from 'node:assert/strict'
import { chmodSync, linkSync, renameSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Refusal } from '@rootferry/host/machine'
import { LIMITS } from '@rootferry/protocol'
import { byPath, packAll, setUp, treeWith } from '../../../test-support/packing.ts'
import { TestTree, temporaryRoot } from '../../../test-support/test-tree.ts'
import { BOUNDS } from '../../bounds.ts'
import type { Observation } from '../index/indexed-entry.ts'

/** Two receivers are at the same changeset: one got it while the file existed, the other asks for it later. */
for (const scanned of ['before', 'after'] as const) {
  test(`a copy is not named where a receiver never got the file: its name went ${scanned} the segment was packed`, async () => {
    using tree = treeWith({ old: 'what both have', other: 'x' })
    const { packer } = setUp(tree)
    tree.scanAll()
    const first = await packer.planChangeset({ from: 0 })
    await packAll(packer, first)
    writeFileSync(join(tree.root, 'old'), 'what only one gets')
    tree.scan('old')
    const plan = await packer.planChangeset({ from: first.to })
    const { contents: got } = await packAll(packer, plan)
    assert.equal(got.get('old')?.toString(), 'what only one gets')
    packer.flushLearnt()
    renameSync(join(tree.root, 'old'), join(tree.root, 'new'))
    if (scanned === 'before') tree.scan('old', 'new')
    const { changes: missed } = await packAll(packer, plan)
    assert.equal(byPath(missed, 'old'), undefined)
    if (scanned === 'after') tree.scan('old', 'new')
    const { changes, contents } = await packAll(packer, await packer.planChangeset({ from: plan.to }))
    const named = byPath(changes, 'new')
    assert.ok(named?.kind === 'file')
    assert.equal(named.source, 'tar')
    assert.equal(contents.get('new')?.toString(), 'what only one gets')
    assert.equal(byPath(changes, 'old')?.kind, 'absent')
  })
}

test('a copy is not named at a path that was gone before a receiver in the middle of a replay came to it', async () => {
  using tree = treeWith({ a: 'content that moves' })
  const { packer } = setUp(tree)
  tree.scanAll()
  await packAll(packer, await packer.planChangeset({ from: 0 }))
  packer.flushLearnt()
  const link = { ...tree.index.get('a'), kind: 'symlink', target: 'x', size: 0 } as Observation
  tree.index.record(
    Array.from({ length: LIMITS.changesetChanges + 10 }, (_, number) => ({
      path: `n${number}`,
      observation: link,
      digest: null,
      sameBytes: false,
    })),
  )
  renameSync(join(tree.root, 'a'), join(tree.root, 'b'))
  tree.scan('a', 'b')
  // For a receiver that begins now, the first part says nothing about `a`.
  const part = await packer.planChangeset({ from: 0 })
  assert.ok(part.to < part.head)
  const { changes: begun } = await packAll(packer, part)
  assert.equal(byPath(begun, 'a'), undefined)
  const { changes, contents } = await packAll(packer, await packer.planChangeset({ from: part.to }))
  const named = byPath(changes, 'b')
  assert.ok(named?.kind === 'file' && named.source === 'tar')
  assert.equal(contents.get('b')?.toString(), 'content that moves')
})

test('content that was sent in place of a row does not prove the row: nothing is a copy of it', async () => {
  using tree = treeWith({ a: 'the first bytes', z: 'z' })
  const { packer } = setUp(tree)
  tree.scanAll()
  const plan = await packer.planChangeset({ from: 0 })
  await packAll(packer, plan)
  packer.flushLearnt()
  writeFileSync(join(tree.root, 'a'), 'some other bytes')
  // A receiver that gets it now gets the other bytes; then the first bytes are back.
  const { contents: got } = await packAll(packer, plan)
  assert.equal(got.get('a')?.toString(), 'some other bytes')
  writeFileSync(join(tree.root, 'a'), 'the first bytes')
  writeFileSync(join(tree.root, 'twin'), 'the first bytes')
  tree.scan('a', 'twin')
  const { contents } = await packAll(packer, await packer.planChangeset({ from: plan.to }))
  assert.deepEqual([...contents.keys()].sort(), ['a', 'twin'])
})

for (const [what, meanwhile] of Object.entries({
  another: (first: string) => renameSync(`${first}.new`, first),
  nothing: (first: string) => renameSync(first, `${first}.gone`),
})) {
  test(`a name waits, and proves no content, when ${what} was sent for the one that it is planned as a link to`, async () => {
    using tree = new TestTree(temporaryRoot(), [], { acls: false, xattrs: [], hardLinks: true })
    const [a, b] = ['a', 'b'].map((name) => join(tree.root, name)) as [string, string]
    writeFileSync(a, 'content')
    tree.scanAll()
    const { packer } = setUp(tree)
    const first = await packer.planChangeset({ from: 0 })
    await packAll(packer, first)
    packer.flushLearnt()
    // The scan reads it, and learns the digest of its new name from it.
    writeFileSync(a, 'Content')
    linkSync(a, b)
    tree.scan('a')
    tree.scan('b')
    assert.notEqual(tree.index.get('b')?.digest, null)
    const plan = await packer.planChangeset({ from: first.to })
    writeFileSync(`${a}.new`, 'other')
    meanwhile(a)
    assert.equal(byPath((await packAll(packer, plan)).changes, 'b'), undefined)
    chmodSync(b, 0o600)
    tree.scan('a', 'b')
    const { contents } = await packAll(packer, await packer.planChangeset({ from: plan.to }))
    assert.equal(contents.get('b')?.toString(), 'Content')
  })
}

test('every segment message fits, whatever the targets of its symlinks and the paths of its copies', async () => {
  using tree = treeWith({ a: 'x' })
  tree.scanAll()
  const first = tree.index.head
  const target = '"'.repeat(LIMITS.targetBytes)
  const link = { ...tree.index.get('a'), kind: 'symlink', target, size: 0 } as Observation
  tree.index.record(
    Array.from({ length: 1_300 }, (_, number) => ({
      path: `l${number}`,
      observation: link,
      digest: null,
      sameBytes: false,
    })),
  )
  const { packer } = setUp(tree)
  const { changes } = await packAll(packer, await packer.planChangeset({ from: first }))
  assert.equal(changes.length, 1_300)
})

test('the rest of a changeset brings files that have moved on from the part that is staged, and has room for both', async () => {
  using tree = treeWith({ a: 'one' })
  const { packer } = setUp(tree)
  tree.scanAll()
  await packAll(packer, await packer.planChangeset({ from: 0 }))
  const base = tree.index.head
  writeFileSync(join(tree.root, 'a'), 'another')
  tree.scan('a')
  const link = { ...tree.index.get('a'), kind: 'symlink', target: 'x', size: 0 } as Observation
  const links = Array.from({ length: LIMITS.changesetChanges + 10 }, (_, number) => `n${number}`)
  tree.index.record(links.map((path) => ({ path, observation: link, digest: null, sameBytes: false })))
  const chmodded = { ...tree.index.get('a'), mode: 0o600 } as Observation
  tree.index.record([{ path: 'a', observation: chmodded, digest: null, sameBytes: true }])
  const from = base + 6
  const { changes: next } = await packAll(packer, await packer.planChangeset({ from, base }))
  assert.equal(byPath(next, 'a'), undefined)
  const rest = await packer.planChangeset({ from, base, isRest: true })
  // Five links are staged.
  assert.equal(rest.changes, LIMITS.changesetChanges - 5 + 1)
  const { changes, contents } = await packAll(packer, rest)
  assert.equal(byPath(changes, 'a')?.kind, 'file')
  assert.equal(contents.get('a')?.toString(), 'another')
})

test('the rest of a changeset goes beyond its room for bytes when it begins with one large file', async () => {
  using tree = treeWith({ a: 'one' })
  const { packer } = setUp(tree)
  tree.scanAll()
  const base = tree.index.head
  writeFileSync(join(tree.root, 'a'), 'another')
  tree.scan('a')
  const from = tree.index.head
  writeFileSync(join(tree.root, 'video'), '')
  truncateSync(join(tree.root, 'video'), BOUNDS.changesetBytes)
  tree.scan('video')
  const chmodded = { ...tree.index.get('a'), mode: 0o600 } as Observation
  tree.index.record([{ path: 'a', observation: chmodded, digest: null, sameBytes: true }])
  const rest = await packer.planChangeset({ from, base, isRest: true })
  assert.ok(rest.to > from)
  assert.ok(rest.changes >= 2)
})

test('what is staged and has changed too much for the rest to have room is refused', async () => {
  using tree = treeWith({ a: 'one' })
  const { packer } = setUp(tree)
  tree.scanAll()
  const base = tree.index.head
  const file = { ...tree.index.get('a') } as Observation
  const paths = Array.from({ length: LIMITS.changesetChanges + 1 }, (_, number) => `n${number}`)
  tree.index.record(paths.map((path) => ({ path, observation: file, digest: null, sameBytes: false })))
  const from = tree.index.head
  const more = Array.from({ length: LIMITS.changesetChanges + 1 }, (_, number) => `m${number}`)
  tree.index.record(more.map((path) => ({ path, observation: file, digest: null, sameBytes: false })))
  tree.index.record(paths.map((path) => ({ path, observation: file, digest: null, sameBytes: true })))
  await assert.rejects(packer.planChangeset({ from, base, isRest: true }), Refusal)
})
