/** The content check on a real tree, with an index that was made wrong on purpose. */

import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { PLAIN_READS } from '@rootferry/host/machine'
import { digestOf } from '@rootferry/protocol'
import { TestTree, temporaryRoot } from '../../../test-support/test-tree.ts'
import { Turn } from '../turn.ts'
import { checkContent } from './content-check.ts'

async function check(tree: TestTree, within: string) {
  const stale: string[] = []
  const differing: string[] = []
  await checkContent(within, {
    index: tree.index,
    directories: tree.directories,
    reads: PLAIN_READS,
    nowMs: tree.nowMs,
    turn: new Turn(tree.directories),
    stale: (path) => stale.push(path),
    differs: async (path, observation, digest) => {
      differing.push(path)
      tree.scanner.decideSuspect(path, observation, digest)
    },
  })
  return { stale, differing }
}

test('a file whose bytes are others under the same status is found, recorded, and right the next time', async () => {
  using tree = new TestTree(temporaryRoot())
  mkdirSync(join(tree.root, 'd'))
  for (const name of ['d/right', 'd/wrong', 'd/unknown', 'beside']) writeFileSync(join(tree.root, name), name)
  tree.scanAll()
  const learn = (path: string, text: string) => {
    tree.index.learnDigests([
      { path, content: tree.index.get(path)?.content ?? 0, digest: digestOf(Buffer.from(text)) },
    ])
  }
  learn('d/right', 'd/right')
  for (const path of ['d/wrong', 'beside']) learn(path, 'what it was, to the scanner')
  const head = tree.index.head
  assert.deepEqual(await check(tree, 'd'), { stale: [], differing: ['d/wrong'] })
  assert.equal(tree.index.head, head + 1)
  assert.equal(tree.index.get('d/unknown')?.digest, digestOf(Buffer.from('d/unknown')))
  assert.deepEqual(await check(tree, 'd'), { stale: [], differing: [] })
  assert.deepEqual(await check(tree, 'beside'), { stale: [], differing: ['beside'] })
  assert.deepEqual(await check(tree, '.'), { stale: [], differing: [] })
  appendFileSync(join(tree.root, 'd/right'), ', and more')
  assert.deepEqual(await check(tree, '.'), { stale: ['d/right'], differing: [] })
})
