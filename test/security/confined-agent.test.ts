/** While directories of the source are swapped for symlinks, nothing outside the root is indexed or packed. */

import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { descendantsOf } from '../../packages/agent/src/root/index/children-page.ts'
import { Packer } from '../../packages/agent/src/root/pack/packer.ts'
import { Turn } from '../../packages/agent/src/root/turn.ts'
import { TestTree, temporaryRoot } from '../../packages/agent/test-support/test-tree.ts'
import { Accounts, PLAIN_READS } from '../../packages/host/src/machine/index.ts'
import { PathFilter } from '../../packages/protocol/src/index.ts'
import { imprint, ROUNDS, Swapper } from '../support/swapper.ts'

const SECRET = 'SECRET outside'

test('scans and packing while directories become symlinks and back: nothing outside is sent', async () => {
  const root = temporaryRoot()
  for (const name of ['d/f', 'd/deep/f', 'd/deep/inner/f']) {
    mkdirSync(join(root, name, '..'), { recursive: true })
    writeFileSync(join(root, name), 'inside')
  }
  using tree = new TestTree(root)
  const outside = join(tree.place, 'outside')
  mkdirSync(join(outside, 'deep/inner'), { recursive: true })
  for (const name of ['f', 'deep/f', 'deep/inner/f', 'only-outside', 'deep/only-outside'])
    writeFileSync(join(outside, name), SECRET)
  const before = imprint(outside)
  const packer = new Packer({
    directories: tree.directories,
    reads: PLAIN_READS,
    index: tree.index,
    filter: new PathFilter([]),
    accounts: new Accounts(),
    nowMs: tree.nowMs,
    turn: new Turn(tree.directories),
    scans: { doubt: () => undefined, hint: () => undefined, retry: () => undefined },
  })
  tree.scanAll()
  let deferred = 0
  {
    await using _swapper = await Swapper.start(outside, join(root, 'd'), join(root, 'd/deep'))
    for (let round = 0; round < ROUNDS * 3; round += 1) {
      tree.scanAll()
      const plan = await packer.planChangeset({ from: 0 })
      for (const position of plan.segments.keys()) {
        const { header, payload } = await packer.pack(plan.id, position, false)
        assert.ok(!Buffer.from(payload).includes(SECRET), 'content from outside was packed')
        assert.ok(!header.includes('only-outside'), 'a name from outside was packed')
      }
      deferred += tree.index.deferred().length
      packer.release(plan.id)
      for (const { path, size } of descendantsOf(tree.index, '.')) {
        assert.ok(!path.includes('only-outside'), path)
        assert.notEqual(size, SECRET.length, `${path} was taken from outside`)
      }
    }
  }
  assert.ok(deferred > 0, 'nothing was ever swapped under a pack')
  assert.deepEqual(imprint(outside), before)
})
