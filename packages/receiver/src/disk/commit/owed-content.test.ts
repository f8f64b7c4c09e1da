/** The file at an owed path is not what the agent takes it for: nothing is built on it, whatever it looks like. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { type Fed, Feed, file, MTIME, pathsOf, Scratch, treeOf, until } from '../../../test-support/test-feed.ts'

const LATER = MTIME + 1
const link = (path: string, to: string, mtime = MTIME): Fed => ({ change: { path, kind: 'link', to, size: 3, mtime } })
const MISSING = { source: { copy: 'missing' } }

test('an owed file does not get the time of content that it has not, and no other name', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  await feed.commit([file('a', 'one'), file('b', 'was')])
  const before = treeOf(feed.target)
  await feed.commit([file('a', 'two', MISSING)])
  const kept = file('a', 'two', { source: 'keep', mtime: LATER })
  await feed.commit([kept, link('b', 'a', LATER), link('c', 'a', LATER)])
  assert.deepEqual(treeOf(feed.target), before)
  const wants = feed.sent.filter((message) => message.type === 'want')
  assert.deepEqual(
    wants.map((want) => pathsOf(want).sort()),
    [['a'], ['b', 'c']],
  )
  for (const [number, { request }] of wants.entries()) {
    const brought = number === 0 ? [file('a', 'two', { mtime: LATER })] : [link('b', 'a', LATER), link('c', 'a', LATER)]
    await feed.changeset(brought, { request })
  }
  await until(() => feed.all('committed').length === 5, 'both answers')
  assert.equal(statSync(scratch.at('target/a')).nlink, 3)
  assert.equal(readFileSync(scratch.at('target/c'), 'utf8'), 'two')
  assert.deepEqual(feed.all('problem'), [])
})

test('a file that a changeset does not bring gets no other name in it, though it looks like the one that was meant', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  await feed.commit([file('a', 'one')])
  await feed.commit([link('b', 'a'), file('a', 'two', MISSING)])
  assert.ok(!existsSync(scratch.at('target/b')))
  assert.deepEqual(pathsOf(await feed.told('want')).sort(), ['a', 'b'])
})

test('content that was named in a question stays, also where it is owed', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  await feed.commit([file('a', 'one')])
  await feed.commit([file('a', 'two', MISSING)])
  const { request } = await feed.told('want')
  await feed.changeset([file('a', 'one', { source: 'keep', mtime: LATER }), link('b', 'a', LATER)], { request })
  await feed.told('repaired')
  assert.equal(statSync(scratch.at('target/b')).ino, statSync(scratch.at('target/a')).ino)
})
