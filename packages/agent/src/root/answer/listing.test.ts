/**
 * Listings of trees whose names and targets are as long as possible: every message fits, and every entry comes once.
 */
import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { Accounts, PLAIN_READS } from '@rootferry/host/machine'
import { decodeToReceiver, LIMITS, type List, type ListedChildren } from '@rootferry/protocol'
import { TestTree, temporaryRoot } from '../../../test-support/test-tree.ts'
import type { Observation } from '../index/indexed-entry.ts'
import { Turn } from '../turn.ts'
import { answerList } from './listing.ts'

const link: Observation = {
  kind: 'symlink',
  mode: 0o777,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 1,
  ctime: 2,
  inode: 3,
  target: 'x',
  extended: null,
  link: 0,
}
const directory: Observation = { ...link, kind: 'directory', target: null }
const found = (path: string, observation: Observation) => ({ path, observation, digest: null, sameBytes: false })

/** @param between is called after each message but the last */
async function listAll(tree: TestTree, between?: () => void) {
  const { directories, index } = tree
  const turn = new Turn(directories)
  const reads = PLAIN_READS
  const parts = { directories, reads, index, turn, accounts: new Accounts(), nowMs: Date.now, isDoubted: () => false }
  const paths: string[] = []
  const groups: ListedChildren[] = []
  let largest = 0
  for (let after: string | null | undefined = null; after !== undefined; ) {
    const list: List = { type: 'list', request: 1, within: '.', after, digests: false }
    const text = await answerList(list, parts)
    largest = Math.max(largest, Buffer.byteLength(text))
    const message = decodeToReceiver(text)
    assert.equal(message.type, 'listing')
    for (const { path, entries } of message.directories) paths.push(...entries.map(([name]) => `${path}/${name}`))
    groups.push(...message.directories)
    after = message.next ?? undefined
    if (after !== undefined) between?.()
  }
  return { paths, groups, largest }
}

test('1,300 symlinks with targets of 4 kB are listed in messages that fit', async () => {
  using tree = new TestTree(temporaryRoot())
  // Every character of these takes two bytes in a message.
  const target = '"'.repeat(LIMITS.targetBytes)
  tree.index.record([found('.', directory)])
  tree.index.record(Array.from({ length: 1_300 }, (_, number) => found(`l${number}`, { ...link, target })))
  const { paths, largest } = await listAll(tree)
  assert.ok(largest <= LIMITS.messageBytes, `${largest} bytes`)
  assert.equal(new Set(paths).size, 1_301)
  assert.equal(paths.length, 1_301)
})

test('deep directories, each of which is named by its whole path, are listed in messages that fit', async () => {
  using tree = new TestTree(temporaryRoot())
  const parts = Array.from({ length: 15 }, (_, depth) => `${depth}`.padEnd(250, '\\'))
  const above = parts.map((_, depth) => parts.slice(0, depth + 1).join('/'))
  const deep = above.at(-1) ?? ''
  const leaves = Array.from({ length: 2_000 }, (_, number) => `${deep}/d${number}`)
  tree.index.record(['.', ...above, ...leaves].map((path) => found(path, directory)))
  const { paths, largest } = await listAll(tree)
  assert.ok(largest <= LIMITS.messageBytes, `${largest} bytes`)
  assert.equal(new Set(paths).size, 2_016)
  assert.equal(paths.length, 2_016)
})

for (const [what, becomes] of Object.entries({ gone: null, 'a symlink': link })) {
  test(`a directory that was listed, and is ${what} when its entries would come, is said to have none`, async () => {
    using tree = new TestTree(temporaryRoot())
    const { index } = tree
    index.record(['.', 'b', 'b/e', 'before', 'before/e'].map((path) => found(path, directory)))
    index.record(['before/e', 'before'].map((path) => ({ path, observation: null })))
    index.record(Array.from({ length: LIMITS.listingEntries }, (_, number) => found(`l${number}`, link)))
    const { groups } = await listAll(tree, () => {
      index.record([{ path: 'b/e', observation: null }])
      index.record([becomes === null ? { path: 'b', observation: null } : found('b', becomes)])
    })
    // It may be there again before a replay tells that it was not.
    assert.deepEqual(
      groups.filter(({ path }) => path === 'b'),
      [{ path: 'b', entries: [], complete: true }],
    )
    assert.deepEqual(
      groups.filter(({ path }) => path === 'before'),
      [],
    )
  })
}

test('a cursor of another index is answered by what comes after it, which may be nothing', async () => {
  using tree = new TestTree(temporaryRoot())
  tree.index.record(['.', 'a', 'a/b'].map((path) => found(path, directory)))
  const { directories, index } = tree
  const turn = new Turn(directories)
  const reads = PLAIN_READS
  const parts = { directories, reads, index, turn, accounts: new Accounts(), nowMs: Date.now, isDoubted: () => false }
  for (const within of ['.', 'a', 'gone'])
    for (const after of ['999999/zzz', '0/', '1/a', `999999999999999/${'x'.repeat(255)}`]) {
      const message = decodeToReceiver(
        await answerList({ type: 'list', request: 1, within, after, digests: true }, parts),
      )
      assert.ok(message.type === 'listing' && message.next === null, `${within} after ${after}`)
    }
})
