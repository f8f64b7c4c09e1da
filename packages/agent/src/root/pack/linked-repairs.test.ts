/** The answer to a want that asks for names of files with several names, where the root preserves hard links. */
import assert from 'node:assert/strict'
import { chmodSync, linkSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { byPath, packAll, setUp } from '../../../test-support/packing.ts'
import { TestTree, temporaryRoot } from '../../../test-support/test-tree.ts'

function linkedTree(): TestTree {
  const tree = new TestTree(temporaryRoot(), [], { acls: false, xattrs: [], hardLinks: true })
  writeFileSync(join(tree.root, 'a'), 'content')
  for (const name of ['b', 'c']) linkSync(join(tree.root, 'a'), join(tree.root, name))
  tree.scanAll()
  return tree
}

test('the first name is made anew with all others, also those that nobody asked for', async () => {
  using tree = linkedTree()
  const { packer } = setUp(tree)
  const told = async (...paths: string[]) => {
    const { changes } = await packAll(
      packer,
      await packer.planRepair(
        1,
        paths.map((path) => [path, null]),
      ),
    )
    return changes.map((change) => (change.kind === 'link' ? `${change.path} = ${change.to}` : change.path)).sort()
  }
  assert.deepEqual(await told('a'), ['a', 'b = a', 'c = a'])
  assert.deepEqual(await told('c', 'a'), ['a', 'b = a', 'c = a'])
  // It becomes a name of the file that is there.
  assert.deepEqual(await told('b'), ['b'])
})

test('a first name that keeps its content stays the file that it is, and so do its others', async () => {
  using tree = linkedTree()
  const { packer } = setUp(tree)
  await packAll(packer, await packer.planChangeset({ from: 0 }))
  packer.flushLearnt()
  const digest = tree.index.get('a')?.digest ?? null
  assert.ok(digest !== null)
  const { changes } = await packAll(packer, await packer.planRepair(1, [['a', digest]]))
  assert.deepEqual(
    changes.map((change) => [change.path, change.kind === 'file' && change.source]),
    [['a', 'keep']],
  )
})

/** Another file of the same size and time takes the name: receivers cannot tell the two apart. */
function replace(path: string): void {
  const { atime, mtime } = statSync(path)
  writeFileSync(`${path}.new`, 'Content')
  utimesSync(`${path}.new`, atime, mtime)
  renameSync(`${path}.new`, path)
}

for (const asked of [
  ['a', 'c'],
  ['c', 'a'],
]) {
  test(`no name is said to be one of another file than its row tells of: ${asked.join(' and ')} are asked for`, async () => {
    using tree = linkedTree()
    const { packer, deferred } = setUp(tree)
    const plan = await packer.planRepair(
      1,
      asked.map((path) => [path, null]),
    )
    replace(join(tree.root, 'a'))
    const { changes, contents } = await packAll(packer, plan)
    assert.deepEqual(
      changes.map(({ path }) => path),
      ['a'],
    )
    assert.equal(contents.get('a')?.toString(), 'Content')
    assert.deepEqual(deferred.map(([path]) => path).sort(), ['b', 'c'])
  })
}

test('in a changeset too, where the name that comes first is not the one that was recorded first', async () => {
  using tree = linkedTree()
  const { packer, deferred } = setUp(tree)
  const from = tree.index.head
  writeFileSync(join(tree.root, 'a'), 'changed')
  for (const name of ['c', 'b', 'a']) tree.scan(name)
  chmodSync(join(tree.root, 'a'), 0o600)
  for (const name of ['a', 'b', 'c']) tree.scan(name)
  const plan = await packer.planChangeset({ from })
  replace(join(tree.root, 'a'))
  const { changes } = await packAll(packer, plan)
  assert.deepEqual(
    changes.map(({ path }) => path),
    ['a'],
  )
  assert.deepEqual(deferred.map(([path]) => path).sort(), ['b', 'c'])
})

test('a name for which another file was sent is no first name of those that come later', async () => {
  using tree = linkedTree()
  const { packer } = setUp(tree)
  const from = tree.index.head
  writeFileSync(join(tree.root, 'a'), 'changed')
  tree.scan('a')
  const plan = await packer.planChangeset({ from })
  replace(join(tree.root, 'a'))
  await packAll(packer, plan)
  tree.scan('b')
  const { changes, contents } = await packAll(packer, await packer.planChangeset({ from: plan.to }))
  assert.equal(byPath(changes, 'b')?.kind, 'file')
  assert.equal(contents.get('b')?.toString(), 'changed')
})

test('what another version than that of its row is a name of is not said', async () => {
  using tree = linkedTree()
  const { packer, doubted } = setUp(tree)
  const plan = await packer.planRepair(1, [['b', null]])
  assert.deepEqual(byPath((await packAll(packer, plan)).changes, 'b')?.kind, 'file')
  writeFileSync(join(tree.root, 'new'), 'other')
  renameSync(join(tree.root, 'new'), join(tree.root, 'b'))
  const sent = byPath((await packAll(packer, await packer.planRepair(2, [['b', null]]))).changes, 'b')
  assert.ok(sent?.kind === 'file' && sent.link === undefined && sent.size === 5)
  assert.deepEqual(doubted, ['b'])
})
