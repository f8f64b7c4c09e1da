/** Names of a file whose first name cannot be made here, or belongs to this host. */
import assert from 'node:assert/strict'
import { lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { directory, type Fed, Feed, file, MTIME, pathsOf, Scratch, until } from '../../../test-support/test-feed.ts'

const LINKS = { preserve: { acls: false, xattrs: [], hardLinks: true } }
const CONTENT = 'content'

function name(path: string, to: string): Fed {
  return { change: { kind: 'link', path, to, size: CONTENT.length, mtime: MTIME } }
}

test('where the first name cannot be made, the next one has the content, and the others are names of that', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open({ protect: ['secret'] })
  feed.connect(LINKS)
  await feed.commit([directory('.')])
  mkdirSync(scratch.at('target/first'))
  writeFileSync(scratch.at('target/first/secret'), 'of this host')
  await feed.commit([file('first', CONTENT), name('second', 'first'), name('third', 'first')])
  assert.equal(readFileSync(scratch.at('target/second'), 'utf8'), CONTENT)
  assert.equal(lstatSync(scratch.at('target/second')).ino, lstatSync(scratch.at('target/third')).ino)
  assert.equal(readFileSync(scratch.at('target/first/secret'), 'utf8'), 'of this host')
  assert.deepEqual((await feed.told('owed')).paths, [{ path: 'first', code: 'protected' }])
})

test('where the first name belongs to this host, the content is asked for, and is right by itself', async () => {
  using scratch = new Scratch()
  mkdirSync(scratch.at('target'))
  writeFileSync(scratch.at('target/first'), 'of this host')
  await using feed = await new Feed(scratch).open({ protect: ['first'] })
  feed.connect(LINKS)
  await feed.commit([directory('.'), file('first', CONTENT), name('second', 'first')])
  const want = await feed.told('want')
  assert.deepEqual(pathsOf(want), ['second'])
  const { change, content } = file('second', CONTENT)
  assert.ok(change.kind === 'file' && content !== undefined)
  await feed.changeset([{ change: { ...change, link: 'first' }, content }], { request: want.request })
  await until(() => feed.allSent('repaired').length > 0, 'the repair')
  assert.equal(readFileSync(scratch.at('target/second'), 'utf8'), CONTENT)
  assert.equal(readFileSync(scratch.at('target/first'), 'utf8'), 'of this host')
  await feed.commit([file('more', 'text')])
  assert.deepEqual(feed.allSent('owed'), [])
})
