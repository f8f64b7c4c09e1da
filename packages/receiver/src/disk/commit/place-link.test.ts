/** Names of a file whose first name cannot be made here, or belongs to this host. */
import assert from 'node:assert/strict'
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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

test('what comes again is not replaced again, and when the first name can be made the others are names of it', async () => {
  using scratch = new Scratch()
  const never = { delay: () => new Promise<void>(() => undefined) }
  await using feed = await new Feed(scratch).open({ protect: ['secret'] }, never)
  feed.connect(LINKS)
  await feed.commit([directory('.'), directory('first'), file('second', 'was')])
  writeFileSync(scratch.at('target/first/secret'), 'of this host')
  const inodes = (...names: string[]) => names.map((at) => lstatSync(scratch.at('target', at)).ino)
  const all = [name('second', 'first'), name('third', 'first'), file('first', CONTENT)]
  await feed.commit(all)
  const made = inodes('second', 'third')
  const answered = async () => {
    feed.disk.disconnected()
    const [before, asked] = [feed.all('committed').length, feed.allSent('want').length]
    feed.connect(LINKS)
    await until(() => feed.allSent('want').length > asked, 'a want')
    await feed.changeset(all, { request: 1 })
    await until(() => feed.all('committed').length > before, 'the answer')
  }
  await answered()
  assert.deepEqual(inodes('second', 'third'), made)
  rmSync(scratch.at('target/first'), { recursive: true })
  await answered()
  assert.equal(new Set(inodes('first', 'second', 'third')).size, 1)
  assert.deepEqual(
    feed.allSent('want').map((want) => pathsOf(want)),
    [['first'], ['first']],
  )
})

test('what was brought for the first name as another version is not the file of the others', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open({ protect: ['secret'] })
  feed.connect(LINKS)
  await feed.commit([directory('.'), directory('first')])
  writeFileSync(scratch.at('target/first/secret'), 'of this host')
  await feed.commit([file('first', 'another one'), name('second', 'first')])
  assert.ok(!existsSync(scratch.at('target/second')))
  assert.deepEqual(pathsOf(await feed.told('want')), ['second'])
})

test('a file becomes a name of one with the same bytes only: size and time can be those of any other', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect(LINKS)
  const missing = { source: { copy: 'missing' } }
  await feed.commit([file('first', CONTENT), file('other', CONTENT.toUpperCase())])
  await feed.commit([file('second', CONTENT, missing), file('third', CONTENT, missing)])
  const { request } = await feed.told('want')
  const named = (path: string, link: string): Fed => {
    const { change, ...rest } = file(path, CONTENT)
    return { change: { ...change, link } as Fed['change'], ...rest }
  }
  await feed.changeset([named('second', 'first'), named('third', 'other')], { request })
  await feed.told('repaired')
  const [first, second] = ['first', 'second'].map((at) => lstatSync(scratch.at('target', at)).ino)
  assert.equal(second, first)
  assert.equal(readFileSync(scratch.at('target/third'), 'utf8'), CONTENT)
  assert.deepEqual((await feed.told('owed')).paths, [{ path: 'third', code: 'other-link' }])
})
