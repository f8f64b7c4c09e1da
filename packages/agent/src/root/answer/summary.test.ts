/**
 * Summaries of trees of many kinds: every message fits, every living directory is named, and only those lack a digest of
 * which nothing certain can be said. Expansions list what was asked for, and no more.
 */
import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { Accounts, PLAIN_READS } from '@rootferry/host/machine'
import { decodeToReceiver, LIMITS, lengthened } from '@rootferry/protocol'
import { TestTree, temporaryRoot } from '../../../test-support/test-tree.ts'
import type { Observation } from '../index/indexed-entry.ts'
import { Turn } from '../turn.ts'
import { answerExpand } from './expansion.ts'
import { answerSummarize } from './summary.ts'

const file: Observation = {
  kind: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 1,
  mtime: 1,
  ctime: 2,
  inode: 3,
  target: null,
  extended: null,
  link: 0,
}
const directory: Observation = { ...file, kind: 'directory', size: 0 }
const found = (path: string, observation: Observation) => ({ path, observation, digest: null, sameBytes: false })

function partsOf({ directories, index }: TestTree, isDoubted = (_: string) => false) {
  const turn = new Turn(directories)
  return { directories, reads: PLAIN_READS, index, turn, accounts: new Accounts(), nowMs: Date.now, isDoubted }
}

async function summarize(parts: ReturnType<typeof partsOf>) {
  const told = new Map<string, { entries: number; digest: string | null }>()
  let [messages, largest] = [0, 0]
  for (let after: string | null | undefined = null; after !== undefined; ) {
    const text = await answerSummarize({ type: 'summarize', request: 1, after, owners: true }, parts)
    largest = Math.max(largest, Buffer.byteLength(text))
    messages += 1
    const message = decodeToReceiver(text)
    assert.equal(message.type, 'summary')
    let before: string | null = null
    for (const [common, rest, entries, digest] of message.directories) {
      before = lengthened(common, rest, before)
      assert.notEqual(before, null)
      told.set(before ?? '', { entries, digest })
    }
    after = message.next ?? undefined
  }
  return { told, messages, largest }
}

async function expand(parts: ReturnType<typeof partsOf>, within: string[]) {
  const listed: string[] = []
  for (let after: string | null | undefined = null; after !== undefined; ) {
    const message = decodeToReceiver(await answerExpand({ type: 'expand', request: 1, within, after }, parts))
    assert.equal(message.type, 'listing')
    for (const { path, entries, complete } of message.directories) {
      listed.push(...entries.map(([name]) => `${path}:${name}`))
      if (complete) listed.push(`${path}.`)
    }
    after = message.next ?? undefined
  }
  return listed
}

test('every living directory is named, those too that are empty, or became so; what is deleted is not', async () => {
  using tree = new TestTree(temporaryRoot())
  tree.index.record(['.', 'a', 'a/b', 'empty', 'emptied', 'gone'].map((path) => found(path, directory)))
  tree.index.record(['a/f', 'a/b/f', 'emptied/f', 'gone/f'].map((path) => found(path, file)))
  tree.index.record(['emptied/f', 'gone/f', 'gone'].map((path) => ({ path, observation: null })))
  const { told } = await summarize(partsOf(tree))
  assert.deepEqual([...told.keys()].sort(), ['.', 'a', 'a/b', 'emptied', 'empty'])
  assert.deepEqual(told.get('empty'), told.get('emptied'))
  assert.deepEqual([told.get('.')?.entries, told.get('a')?.entries, told.get('empty')?.entries], [3, 2, 0])
})

test('a directory with a file of which nothing certain can be said has no digest', async () => {
  using tree = new TestTree(temporaryRoot())
  tree.index.record(['.', 'a', 'b'].map((path) => found(path, directory)))
  tree.index.record(['a/f', 'b/f'].map((path) => found(path, file)))
  const { told } = await summarize(partsOf(tree, (path) => path === 'a/f'))
  assert.equal(told.get('a')?.digest, null)
  assert.notEqual(told.get('b')?.digest, null)
})

test('a directory with 9,000 empty ones of long names comes in messages that fit, without a digest', async () => {
  using tree = new TestTree(temporaryRoot())
  const names = Array.from({ length: 9_000 }, (_, number) => `${number}`.padEnd(250, '\\'))
  tree.index.record(['.', 'all', 'other', ...names.map((name) => `all/${name}`)].map((path) => found(path, directory)))
  const { told, messages, largest } = await summarize(partsOf(tree))
  assert.ok(largest <= LIMITS.messageBytes, `${largest} bytes`)
  assert.ok(messages > 2)
  assert.equal(told.size, 9_003)
  assert.equal(told.get('all')?.digest, null)
  assert.notEqual(told.get('other')?.digest, null)
})

test('a directory of more files than a listing holds is expanded in parts, beside others, without what is below', async () => {
  using tree = new TestTree(temporaryRoot())
  tree.index.record(['.', 'a', 'a/b', 'c', 'd'].map((path) => found(path, directory)))
  const files = Array.from({ length: 4_500 }, (_, number) => `a/f${number}`)
  tree.index.record([...files, 'a/b/f', 'c/f'].map((path) => found(path, file)))
  const listed = await expand(partsOf(tree), ['.', 'gone', 'a', 'c', 'd'])
  const expected = [':.', '.', '.:a', '.:c', '.:d', '..', 'a.', 'c.', 'd.', 'a:b', 'c:f']
  assert.deepEqual(listed.sort(), [...expected, ...files.map((path) => path.replace('/', ':'))].sort())
})
