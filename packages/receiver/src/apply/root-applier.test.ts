import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { absent, directory, Feed, file, MTIME, Scratch, symlink, treeOf } from './test-feed.ts'

test('a first changeset makes files, directories and symlinks visible with all their attributes', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  assert.equal(feed.connect().target, 'empty')
  const event = await feed.commit([
    directory('.', { mode: 0o750 }),
    directory('a', { mode: 0o555 }),
    directory('a/b'),
    file('a/b/f', 'hello', { mode: 0o600, mtime: MTIME - 1 }),
    file('a/g', '', { mode: 0o444 }),
    symlink('l', 'a/b/f', { mtime: -1_500_000 }),
    file('late/child', 'x'),
  ])
  assert.equal(event.added, 6)
  const tree = treeOf(feed.target)
  const ids = (tree['a/g'] ?? '').split(' ').slice(2, 4).join(' ')
  assert.equal(tree['.'], `d ${0o750} ${ids} ${MTIME}`)
  assert.equal(tree['a'], `d ${0o555} ${ids} ${MTIME}`)
  assert.match(tree['a/b/f'] ?? '', new RegExp(`^f ${0o600} ${ids} ${MTIME - 1} 5 `))
  assert.match(tree['l'] ?? '', / -1500000 a\/b\/f$/)
  assert.equal(readFileSync(scratch.at('target/late/child'), 'utf8'), 'x')
  assert.deepEqual(readdirSync(scratch.at('state/staging')), [])
  const durable = await feed.seen('durable')
  assert.equal(durable.sequence, 1)
  assert.deepEqual(feed.all('phase').map(({ phase }) => phase), ['idle', 'replaying', 'live'])
  await feed.commit([absent('late'), absent('late/child'), file('a/b/f', 'other')])
  assert.equal(treeOf(feed.target)['late'], undefined)
  assert.equal(treeOf(feed.target)['.'], `d ${0o750} ${ids} ${MTIME}`)
})
