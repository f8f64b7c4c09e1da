/** Resyncs of real trees against a listing of another real tree. */
import assert from 'node:assert/strict'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { test } from 'node:test'
import type { ListedChildren } from '@rootferry/protocol'
import fc from 'fast-check'
import {
  absent,
  changeFor,
  directory,
  Feed,
  file,
  listingOf,
  Scratch,
  segmentOf,
  treeOf,
  until,
} from '../../../test-support/test-feed.ts'
import { copyTree, listing, makeSource, resync } from '../../../test-support/test-resync.ts'

test('an identical tree is adopted without a want, whatever the order of the listing', async () => {
  using scratch = new Scratch()
  makeSource(scratch.at('source'))
  copyTree(scratch.at('source'), scratch.at('target'))
  await using feed = await new Feed(scratch).open()
  const { wanted, hello } = await resync(feed, scratch.at('source'))
  assert.equal(hello.target, 'populated')
  assert.deepEqual(wanted, [])
  assert.deepEqual(treeOf(feed.target), treeOf(scratch.at('source')))
  await feed.seen('phase', ({ phase }) => phase === 'live')
  assert.deepEqual(
    feed.all('phase').map(({ phase }) => phase),
    ['idle', 'resyncing', 'replaying', 'live'],
  )
  assert.equal((await feed.seen('durable')).sequence, 40)
  await feed.close()
  await feed.open()
  const { epoch, sequence } = feed.disk.hello()
  assert.deepEqual({ epoch, sequence }, { epoch: 'epoch-1', sequence: 40 })
})

test('every kind of drift is put right, and what the agent does not have goes to the trash', async () => {
  using scratch = new Scratch()
  const source = scratch.at('source')
  makeSource(source)
  copyTree(source, scratch.at('target'))
  const at = (name: string) => scratch.at('target', name)
  const time = 1_600_000_000
  rmSync(at('app/f0'))
  appendFileSync(at('app/f1'), 'longer')
  writeFileSync(at('app/f2'), 'CONTENT 2')
  chmodSync(at('app/f3'), 0o600)
  utimesSync(at('app/f4'), time, time)
  rmSync(at('app/f5'))
  mkdirSync(at('app/f5'))
  writeFileSync(at('app/f5/inside'), 'unknown')
  rmSync(at('link'))
  symlinkSync('elsewhere', at('link'))
  rmSync(at('empty'), { recursive: true })
  symlinkSync('/etc', at('empty'))
  rmSync(at('-odd'), { recursive: true })
  mkdirSync(at('unknown/deep'), { recursive: true })
  writeFileSync(at('unknown/deep/file'), 'mine')
  writeFileSync(at('app/extra'), 'mine too')
  writeFileSync(Buffer.concat([Buffer.from(at('app/')), Buffer.from([0xfe, 0x41])]), 'no utf-8')
  chmodSync(at('.'), 0o700)
  for (const perListing of [1, 1000]) {
    await using feed = await new Feed(scratch).open()
    const { wanted } = await resync(feed, source, { perListing })
    assert.deepEqual(treeOf(feed.target), treeOf(source))
    const expected = ['-odd', '-odd/f', 'app/f0', 'app/f1', 'app/f2', 'app/f5', 'empty', 'link']
    assert.deepEqual(wanted.sort(), perListing === 1 ? expected : [])
    assert.deepEqual(feed.all('problem'), [])
  }
  const kept = readdirSync(scratch.at('state/trash'), { recursive: true }).map(String)
  for (const name of ['unknown/deep/file', 'app/extra', 'app/f5/inside']) {
    assert.ok(
      kept.some((path) => path.endsWith(name)),
      name,
    )
  }
  assert.equal(kept.filter((path) => path.includes('\ufffdA')).length, 1)
})

test('protected and excluded paths are neither compared nor removed, even inside what goes', async () => {
  using scratch = new Scratch()
  const source = scratch.at('source')
  makeSource(source)
  copyTree(source, scratch.at('target'))
  const at = (name: string) => scratch.at('target', name)
  writeFileSync(at('app/f1'), 'my own')
  writeFileSync(at('debug.log'), 'excluded')
  mkdirSync(at('local/deep'), { recursive: true })
  writeFileSync(at('local/deep/a.log'), 'excluded')
  writeFileSync(at('local/deep/b'), 'unknown')
  mkdirSync(at('local/all'))
  await using feed = await new Feed(scratch).open({ protect: ['/app/f1', '/empty/'] })
  const { wanted } = await resync(feed, source, { welcome: { filter: ['*.log'] } })
  assert.deepEqual(wanted, [])
  assert.equal(readFileSync(at('app/f1'), 'utf8'), 'my own')
  assert.ok(existsSync(at('debug.log')))
  assert.deepEqual(readdirSync(at('local'), { recursive: true }).sort(), ['deep', 'deep/a.log'])
})

test('a pattern for a directory covers a symlink in its place, in protect and in the exclude list', async () => {
  using scratch = new Scratch()
  const source = scratch.at('source')
  makeSource(source)
  copyTree(source, scratch.at('target'))
  mkdirSync(`${source}/var`)
  writeFileSync(`${source}/var/of-the-agent`, 'not for here')
  symlinkSync('/mnt/shared/var', scratch.at('target', 'var'))
  symlinkSync('/mnt/shared/session', scratch.at('target', 'session'))
  await using feed = await new Feed(scratch).open({ protect: ['var/'] })
  const { wanted } = await resync(feed, source, { welcome: { filter: ['session/'] } })
  assert.deepEqual(wanted, [])
  assert.equal(readlinkSync(scratch.at('target', 'var')), '/mnt/shared/var')
  assert.equal(readlinkSync(scratch.at('target', 'session')), '/mnt/shared/session')
})

test('lost+found stays wherever it is, also in a directory that goes, and is not a difference', async () => {
  using scratch = new Scratch()
  const source = scratch.at('source')
  makeSource(source)
  copyTree(source, scratch.at('target'))
  mkdirSync(scratch.at('target/lost+found/#12'), { recursive: true })
  mkdirSync(scratch.at('target/volume/deep/lost+found'), { recursive: true })
  writeFileSync(scratch.at('target/volume/deep/mine'), 'unknown to the agent')
  await using feed = await new Feed(scratch).open()
  await resync(feed, source)
  assert.deepEqual(readdirSync(scratch.at('target/lost+found')), ['#12'])
  assert.deepEqual(readdirSync(scratch.at('target/volume/deep')), ['lost+found'])
  assert.deepEqual(feed.all('problem'), [])
})

test('a directory that comes in parts is compared as a whole', async () => {
  using scratch = new Scratch()
  const source = scratch.at('source')
  makeSource(source)
  copyTree(source, scratch.at('target'))
  writeFileSync(scratch.at('target/app/extra'), 'x')
  rmSync(scratch.at('target/app/f7'))
  await using feed = await new Feed(scratch).open()
  feed.connect({ start: 'resync', sequence: 40, head: 40 })
  const whole = listingOf(source)
  const app = whole.find(({ path }) => path === 'app')
  assert.ok(app)
  const parts = [app.entries.slice(0, 5), app.entries.slice(5, 12), app.entries.slice(12)]
  // Listed twice: for the first look, and for the repair.
  for (let asked = 0; asked < 2 * parts.length; asked += 1) {
    const index = asked % parts.length
    await until(() => feed.allSent('list').length > asked, 'a list')
    const request = feed.allSent('list')[asked]?.request ?? 0
    const isLast = index === parts.length - 1
    const part = { path: 'app', entries: parts[index] ?? [], complete: isLast }
    // An empty directory of the listed part may follow it.
    const between = whole.filter(({ path }) => path === 'empty')
    const directories = isLast ? [part, ...whole.filter((other) => other !== app)] : [part, ...between]
    feed.text(listing(request, directories, isLast ? null : `after ${index}`))
  }
  const want = await feed.told('want')
  assert.deepEqual(want.paths, [['app/f7', null]])
  await feed.changeset([changeFor(source, 'app/f7')], { request: want.request })
  await feed.told('resynced')
  assert.deepEqual(treeOf(feed.target), treeOf(source))
  assert.deepEqual(
    feed.allSent('list').map(({ after }) => after),
    [null, 'after 0', 'after 1', null, 'after 0', 'after 1'],
  )
})

test('a resync that is cut off leaves no position, and the next one ends it', async () => {
  using scratch = new Scratch()
  const source = scratch.at('source')
  makeSource(source)
  await using feed = await new Feed(scratch).open()
  feed.connect()
  await feed.commit([file('some', '1')])
  const slice = { path: 'big', content: 1, offset: 0, length: 1, size: 5, delta: null }
  feed.begin(1, 1, 2)
  feed.segment(await segmentOf([], { slice: { slice, content: Buffer.from('x') } }))
  await feed.seen('consumed', () => feed.all('consumed').length === 2)
  feed.disk.disconnected()
  assert.equal(feed.connect({ start: 'resync', sequence: 9 }).partials.length, 1)
  await feed.told('list')
  feed.disk.disconnected()
  const { epoch, sequence, partials } = feed.disk.hello()
  assert.deepEqual({ epoch, sequence, partials }, { epoch: null, sequence: 0, partials: [] })
  await resync(feed, source)
  assert.deepEqual(treeOf(feed.target), treeOf(source))
  assert.equal(feed.disk.hello().sequence, 40)
})

test('a directory in the place of what is unsettled makes way: nothing in it is left when a directory comes there', async () => {
  using scratch = new Scratch()
  mkdirSync(scratch.at('target/d/inner'), { recursive: true })
  writeFileSync(scratch.at('target/d/inner/stranger'), 'unknown to the agent')
  writeFileSync(scratch.at('target/upload'), 'an earlier version')
  await using feed = await new Feed(scratch).open()
  feed.connect({ start: 'resync', sequence: 40, head: 40 })
  const root: ListedChildren = { path: '', entries: [['.', 'd', 0o755, 0, 0, 0]], complete: true }
  const unsettled: ListedChildren = {
    path: '.',
    complete: true,
    entries: [
      ['d', 'u'],
      ['upload', 'u'],
    ],
  }
  // The first of them reports how much there is to do.
  for (const number of [0, 1]) {
    await until(() => feed.allSent('list').length > number, 'a list')
    feed.text(listing(feed.allSent('list')[number]?.request ?? 0, [root, unsettled], null))
  }
  const { request, paths } = await feed.told('want')
  assert.deepEqual(paths, [['upload', null]])
  // It cannot be described still.
  await feed.changeset([], { request })
  await feed.seen('phase', ({ phase }) => phase === 'replaying')
  assert.equal(readFileSync(scratch.at('target/upload'), 'utf8'), 'an earlier version')
  const over = feed.all('log').find(({ message }) => message === 'resync is over')
  assert.deepEqual([over?.details['changed'], over?.details['repaired']], [1, 1])
  await feed.commit([{ change: { path: 'd', kind: 'directory', mode: 0o755, uid: 0, gid: 0, mtime: 0 } }])
  assert.deepEqual(readdirSync(scratch.at('target/d')), [])
})

test('a directory that is protected as one stays, also in the place of what is unsettled', async () => {
  using scratch = new Scratch()
  mkdirSync(scratch.at('target/d'), { recursive: true })
  await using feed = await new Feed(scratch).open({ protect: ['d/'] })
  feed.connect({ start: 'resync', sequence: 40, head: 40 })
  const root: ListedChildren = { path: '', entries: [['.', 'd', 0o755, 0, 0, 0]], complete: true }
  for (const number of [0, 1]) {
    await until(() => feed.allSent('list').length > number, 'a list')
    const unsettled: ListedChildren = { path: '.', complete: true, entries: [['d', 'u']] }
    feed.text(listing(feed.allSent('list')[number]?.request ?? 0, [root, unsettled], null))
  }
  await feed.seen('phase', ({ phase }) => phase === 'replaying')
  assert.ok(existsSync(scratch.at('target/d')))
})

test('a first join tells by size and time how much it is going to do, and has done nothing by then', async () => {
  using scratch = new Scratch()
  const source = scratch.at('source')
  makeSource(source)
  copyTree(source, scratch.at('target'))
  const at = (name: string) => scratch.at('target', name)
  rmSync(at('app/f0'))
  appendFileSync(at('app/f1'), 'longer')
  rmSync(at('link'))
  mkdirSync(at('link'))
  writeFileSync(at('link/inside'), 'in the way')
  mkdirSync(at('unknown/deep'), { recursive: true })
  writeFileSync(at('unknown/deep/file'), 'mine')
  writeFileSync(at('mine'), 'protected')
  const before = treeOf(scratch.at('target'))
  await using joining = await new Feed(scratch).open({ protect: ['/mine', '/app/f2'] })
  joining.connect({ start: 'resync', sequence: 40, head: 40 })
  const list = await joining.told('list')
  assert.equal(list.digests, false)
  joining.text(listing(list.request, listingOf(source), null))
  const { plan } = await joining.seen('first-join')
  const listed = Object.keys(treeOf(source)).length
  // app/f1 and link differ; extraneous are the object in the place of link, and the unknown ones, each with its
  // content.
  const trash = scratch.at('state/trash')
  assert.deepEqual(plan, {
    entries: listed - 4 + 2 + 5,
    replaced: 2,
    paths: [
      { path: 'link', kind: 'changed' },
      { path: 'unknown', kind: 'extraneous' },
      { path: 'app/f1', kind: 'changed' },
    ],
    right: listed - ['app/f0', 'app/f1', 'app/f2', 'link'].length,
    missing: 1,
    missingBytes: 9,
    differing: 2,
    extraneous: 5,
    trash,
  })
  assert.deepEqual(treeOf(scratch.at('target')), before)
  assert.deepEqual(joining.allSent('want'), [])
  assert.deepEqual(joining.all('differences'), [])
})

test('what is left of an object that was completed beside its place is removed, and no directory stays for it', async () => {
  using scratch = new Scratch()
  const source = scratch.at('source')
  makeSource(source)
  copyTree(source, scratch.at('target'))
  const gone = scratch.at('target', 'gone')
  for (const place of [gone, scratch.at('target/app')]) {
    mkdirSync(place, { recursive: true })
    writeFileSync(`${place}/.rootferry-placing-61`, 'half')
  }
  await using feed = await new Feed(scratch).open()
  await resync(feed, source)
  assert.deepEqual(treeOf(feed.target), treeOf(source))
})

test('a listing that was not asked for, or in the wrong place, breaks the connection', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect()
  feed.text(listing(1, [], null))
  assert.equal((await feed.seen('broken')).error.code, 'unexpected-message')
  feed.disk.disconnected()
  feed.events.length = 0
  feed.connect({ start: 'resync', sequence: 4, head: 4 })
  await feed.told('list')
  feed.text(listing(77, [], null))
  assert.equal((await feed.seen('broken')).error.code, 'unexpected-message')
})

test('any tree becomes any other by a resync', async () => {
  const entry = fc.record({
    path: fc.array(fc.constantFrom('a', 'b', 'c', '!'), { minLength: 1, maxLength: 3 }),
    kind: fc.constantFrom('file', 'directory', 'symlink'),
    text: fc.constantFrom('1', '2', 'long text'),
    time: fc.integer({ min: 0, max: 2 }),
  })
  const trees = fc.array(entry, { maxLength: 10 })
  type Drawn = typeof trees extends fc.Arbitrary<infer Value> ? Value : never
  const build = (root: string, drawn: Drawn) => {
    mkdirSync(root)
    for (const { path, kind, text, time } of drawn) {
      const at = `${root}/${path.join('/')}`
      try {
        mkdirSync(`${root}/${path.slice(0, -1).join('/')}`, { recursive: true })
        if (kind === 'directory') mkdirSync(at)
        else if (kind === 'file') writeFileSync(at, text, { mode: 0o600 + 0o044 * time })
        else symlinkSync(text, at)
      } catch {
        // The names drawn so far leave no room for this one.
        continue
      }
      if (kind !== 'symlink') utimesSync(at, 1_500_000_000 + time, 1_500_000_000 + time)
    }
  }
  await fc.assert(
    fc.asyncProperty(trees, trees, fc.integer({ min: 1, max: 4 }), async (wanted, present, perListing) => {
      using scratch = new Scratch()
      build(scratch.at('source'), wanted)
      build(scratch.at('target'), present)
      await using feed = await new Feed(scratch).open()
      await resync(feed, scratch.at('source'), { perListing })
      assert.deepEqual(treeOf(feed.target), treeOf(scratch.at('source')))
    }),
    { numRuns: 30 },
  )
})

test('a directory in the place of a file goes with all in it, also when the agent has a directory there by then', async () => {
  using scratch = new Scratch()
  const source = scratch.at('source')
  makeSource(source)
  copyTree(source, scratch.at('target'))
  const strange = scratch.at('target', '-odd/f/strange')
  rmSync(scratch.at('target', '-odd/f'))
  mkdirSync(strange, { recursive: true })
  await using feed = await new Feed(scratch).open()
  const beforeAnswer = () => {
    rmSync(`${source}/-odd/f`, { recursive: true })
    mkdirSync(`${source}/-odd/f`)
  }
  const { wanted } = await resync(feed, source, { beforeAnswer })
  assert.deepEqual(wanted, ['-odd/f'])
  assert.ok(existsSync(scratch.at('target', '-odd/f')))
  assert.ok(!existsSync(strange))
})

test('what is protected stays under a name that is no valid UTF-8 too, also inside a directory of such a name', async () => {
  using scratch = new Scratch()
  const source = scratch.at('source')
  makeSource(source)
  copyTree(source, scratch.at('target'))
  const strange = (...names: string[]) => Buffer.from(`${scratch.at('target')}/${names.join('/')}`, 'latin1')
  mkdirSync(strange('app', 'caf\xe9'))
  mkdirSync(strange('app', 'caf\xe8'))
  mkdirSync(strange('app', 'caf\xe8', '\xfcber', 'deep'), { recursive: true })
  for (const path of ['caf\xe9.bak', 'caf\xe9.php', 'caf\xe9/gone', 'caf\xe8/\xfcber/deep/mine.bak']) {
    writeFileSync(strange('app', path), 'of the app server')
  }
  await using feed = await new Feed(scratch).open({ protect: ['*.bak'] })
  await resync(feed, source)
  const left = readdirSync(scratch.at('target/app'), { encoding: 'latin1' }).filter((name) => name.startsWith('caf'))
  assert.deepEqual(left.sort(), ['caf\xe8', 'caf\xe9.bak'])
  assert.ok(existsSync(strange('app', 'caf\xe8', '\xfcber', 'deep', 'mine.bak')))
  assert.deepEqual(feed.all('problem'), [])
})

test('while a tree of others is looked through, the thread hears what comes in', async () => {
  using scratch = new Scratch()
  let turns = 0
  let isDone = false
  const turn = () => {
    turns += 1
    if (!isDone) setImmediate(turn)
  }
  await using feed = await new Feed(scratch).open(
    { protect: ['*.bak'] },
    {
      delay: () => Promise.reject(new Error('no trouble is expected')),
      beforeStep: (step) => {
        if (step === 'rmdir') turn()
      },
    },
  )
  feed.connect()
  await feed.commit([directory('theirs')])
  for (let number = 0; number < 3_000; number += 1) {
    mkdirSync(scratch.at('target/theirs', String(number % 50), String(number)), { recursive: true })
  }
  writeFileSync(scratch.at('target/theirs/0/kept.bak'), '')
  await feed.changeset([absent('theirs')])
  await feed.seen('committed', ({ sequence }) => sequence === 2)
  isDone = true
  assert.ok(turns > 5, `${turns} turns`)
  assert.deepEqual(readdirSync(scratch.at('target/theirs'), { recursive: true }), ['0', '0/kept.bak'])
})
