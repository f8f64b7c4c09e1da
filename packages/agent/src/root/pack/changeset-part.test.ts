/** What comes with a part of a replay from beyond its end. */
import assert from 'node:assert/strict'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { LIMITS } from '@rootferry/protocol'
import { treeWith } from '../../../test-support/packing.ts'
import { partWithContent } from './changeset-part.ts'

for (const { how, target } of [
  { how: 'relative', target: () => 'releases/2' },
  { how: 'absolute', target: (root: string) => join(root, 'releases/2') },
]) {
  test(`a symlink with a ${how} target comes with what it leads to, also when that was recorded again since`, () => {
    using tree = treeWith({ 'releases/1/f': 'one', 'releases/2/f': 'two', 'releases/22/f': 'another' })
    symlinkSync(target(tree.root), join(tree.root, 'current'))
    tree.scanAll()
    const [from, link] = [tree.index.head, tree.index.get('current')]
    assert.ok(link)
    const record = (...paths: string[]) => {
      const rows = paths.flatMap((path) => tree.index.get(path) ?? [])
      tree.index.record(
        rows.map((observation) => ({ path: observation.path, observation, digest: null, sameBytes: false })),
      )
    }
    record('releases', 'current', 'releases/1/f', 'releases/2/f', 'releases/22/f', 'releases/2')
    const part = (many: number, leads: { rootPath: string; head: number } | null) => {
      const rows = tree.index.changesAfter(from, many, tree.index.head)
      return partWithContent(tree.index, { from, told: from, leads }, rows, null)
    }
    const leads = { rootPath: tree.root, head: tree.index.head }
    const cut = part(2, leads)
    assert.equal(cut.to, from + 2)
    assert.deepEqual(
      cut.rows.map(({ path }) => path),
      ['releases', 'current', 'releases/2/f', 'releases/2'],
    )
    assert.deepEqual(part(2, { ...leads, head: from + 5 }).rows.length, 3, 'not beyond what may be sent')
    assert.equal(part(2, null).rows.length, 2)
    assert.equal(part(1, leads).rows.length, 1)
  })
}

test('where that has no room the part ends before the symlink, and one that leads to too much does not wait', () => {
  using tree = treeWith({ 'releases/2/f': 'two', a: 'x' })
  symlinkSync('releases/2', join(tree.root, 'current'))
  tree.scanAll()
  const [from, file, link] = [tree.index.head, tree.index.get('a'), tree.index.get('current')]
  assert.ok(file && link)
  const finding = (path: string, observation: typeof file) => ({ path, observation, digest: null, sameBytes: false })
  const files = (many: number) => Array.from({ length: many }, (_, at) => finding(`releases/2/n${at}`, file))
  const others = ['x', 'y', 'z'].map((path) => finding(path, file))
  tree.index.record([...others, finding('current', link), ...files(LIMITS.changesetChanges - 2)])
  const leads = () => ({ rootPath: tree.root, head: tree.index.head })
  const next = (at: number, many: number) =>
    partWithContent(tree.index, { from: at, told: at, leads: leads() }, tree.index.changesAfter(at, many), null)
  assert.deepEqual([next(from, 4).rows.length, next(from, 4).to], [2, from + 2])
  assert.deepEqual([next(from + 2, 2).rows.length, next(from + 2, 2).to], [LIMITS.changesetChanges, from + 4])
  tree.index.record([finding('current', link), ...files(LIMITS.changesetChanges + 1)])
  const tooMany = next(tree.index.head - LIMITS.changesetChanges - 2, 1)
  assert.deepEqual(
    tooMany.rows.map(({ path }) => path),
    ['current'],
  )
})
