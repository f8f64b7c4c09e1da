/** What is behind a border, on filesystems that are mounted one after the other at the same place. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { chooseSystemCalls } from '@rootferry/host/machine'
import { TestTree, temporaryRoot } from '../../../test-support/test-tree.ts'
import { BehindBorders } from './behind-borders.ts'

test('another filesystem is told by its top directory, and by what is not in it, though a scan has directories open', (t) => {
  const root = temporaryRoot()
  const media = join(root, 'pub/media')
  mkdirSync(media, { recursive: true })
  const mount = () => spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', media]).status === 0
  const unmount = () => spawnSync('umount', ['-l', media])
  using tree = new TestTree(root)
  if (!mount()) return t.skip('nothing can be mounted here')
  using _mounted = { [Symbol.dispose]: unmount }
  for (const name of ['a.jpg', 'b.jpg']) writeFileSync(join(media, name), name)
  tree.scanAll()
  const { index } = tree
  const behind = (['auto', 'portable'] as const).map(
    (kind) => new BehindBorders({ rootPath: root, paths: chooseSystemCalls(kind).calls.paths, index }),
  )
  const tops = behind.map((one) => one.topOf('pub/media'))
  rmSync(join(media, 'a.jpg'))
  for (const [kind, one] of behind.entries()) {
    const indexed = ['pub/media', 'pub/media/a.jpg', 'nothing'].map((path) => one.indexed(path))
    assert.deepEqual(indexed, ['entries', 'file', null])
    assert.equal(one.showsAny('pub/media'), true)
    assert.equal(one.topOf('pub/media'), tops[kind], 'whatever is done in it')
  }
  tree.directories.locateDirectory('pub/media')
  unmount()
  assert.ok(mount())
  for (const [kind, one] of behind.entries()) {
    assert.notEqual(one.topOf('pub/media'), tops[kind])
    assert.equal(one.showsAny('pub/media'), false)
    assert.equal(one.topOf('pub/nothing'), null)
  }
})
