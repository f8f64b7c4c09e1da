/** The answer to a want that asks for names of files with several names, where the root preserves hard links. */
import assert from 'node:assert/strict'
import { linkSync, renameSync, writeFileSync } from 'node:fs'
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
