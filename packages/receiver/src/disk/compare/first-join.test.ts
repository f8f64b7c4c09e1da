/** First joins of populated targets: when they wait for an operator, and what they may remove. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
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
import { absent, Feed, file, listingOf, Scratch, treeOf, until } from '../../../test-support/test-feed.ts'
import { copyTree, listing, makeSource, resync } from '../../../test-support/test-resync.ts'

/** Source and target have ten names in common, of which some differ, and the target has others as well. */
function fillForJoin(scratch: Scratch, differing: number, extraneous: number): string {
  const [source, target] = [scratch.at('source'), scratch.at('target')]
  for (const root of [source, target]) mkdirSync(root)
  for (let index = 0; index < 10; index += 1) {
    writeFileSync(`${source}/f${index}`, `content ${index}`)
    if (index < differing) writeFileSync(`${target}/f${index}`, `of this host ${index}`)
    else execFileSync('cp', ['-a', `${source}/f${index}`, target])
  }
  mkdirSync(`${target}/site`)
  for (let index = 1; index < extraneous; index += 1) writeFileSync(`${target}/site/g${index}`, 'mine')
  return source
}

/** Answers the look; resolves when the receiver has decided. */
async function look(feed: Feed, source: string): Promise<'waits' | 'goes on'> {
  const before = feed.allSent('list').length
  feed.connect({ start: 'resync', sequence: 40, head: 40 })
  await until(() => feed.allSent('list').length > before, 'a list')
  feed.text(listing(feed.allSent('list').at(-1)?.request ?? 0, listingOf(source), null))
  const isWaiting = () => feed.all('phase').at(-1)?.phase === 'awaiting-accept'
  await until(() => isWaiting() || feed.allSent('list').length > before + 1, 'a decision')
  return isWaiting() ? 'waits' : 'goes on'
}

test('a first join that would replace or remove too much of the target waits, and has changed nothing', async () => {
  using scratch = new Scratch()
  const source = fillForJoin(scratch, 2, 10)
  const before = treeOf(scratch.at('target'))
  const guard = { maxPercent: 10, minEntries: 11 }
  await using feed = await new Feed(scratch).open({ guard })
  assert.equal(await look(feed, source), 'waits')
  assert.deepEqual(
    feed.allSent('failing').map(({ error }) => error?.code),
    ['awaiting-accept'],
  )
  assert.deepEqual(treeOf(feed.target), before)
  feed.disk.disconnected()
  // The question is asked again, and the answer counts for later connections.
  assert.equal(await look(feed, source), 'waits')
  feed.disk.disconnected()
  feed.disk.accept()
  await feed.close()
  await feed.open({ guard })
  await resync(feed, source)
  assert.deepEqual(treeOf(feed.target), treeOf(source))
})

test('accept is for one join only', async () => {
  using scratch = new Scratch()
  const source = fillForJoin(scratch, 10, 10)
  const guard = { maxPercent: 10, minEntries: 5 }
  await using feed = await new Feed(scratch).open({ guard })
  feed.disk.accept()
  await resync(feed, source)
  await feed.close()
  rmSync(scratch.at('state'), { recursive: true })
  for (let index = 0; index < 10; index += 1) writeFileSync(`${feed.target}/f${index}`, 'other content')
  await feed.open({ guard })
  assert.equal(await look(feed, source), 'waits')
})

test('a first join that was accepted goes on at once', async () => {
  using scratch = new Scratch()
  const source = fillForJoin(scratch, 10, 10)
  await using feed = await new Feed(scratch).open({ guard: { maxPercent: 10, minEntries: 11 } })
  assert.equal(await look(feed, source), 'waits')
  const asked = feed.allSent('list').length
  feed.disk.accept()
  await until(() => feed.allSent('list').length > asked, 'the comparison')
  assert.equal(feed.allSent('failing').at(-1)?.error, null)
  assert.equal(feed.all('phase').at(-1)?.phase, 'resyncing')
})

test('a first join goes on at either bound', async () => {
  for (const [differing, extraneous, guard] of [
    [2, 10, { maxPercent: 10, minEntries: 12 }],
    [2, 10, { maxPercent: 60, minEntries: 0 }],
    [0, 1, { maxPercent: 10, minEntries: 1 }],
  ] as const) {
    using scratch = new Scratch()
    const source = fillForJoin(scratch, differing, extraneous)
    await using feed = await new Feed(scratch).open({ guard })
    assert.equal(await look(feed, source), 'goes on', JSON.stringify(guard))
  }
})

test('files of the same size with other times are read before a first join waits for them', async () => {
  using scratch = new Scratch()
  const source = scratch.at('source')
  for (const root of [source, scratch.at('target')]) {
    mkdirSync(root)
    for (let index = 0; index < 10; index += 1) writeFileSync(`${root}/f${index}`, `content ${index}`)
  }
  for (let index = 0; index < 10; index += 1) utimesSync(`${source}/f${index}`, 1_600_000_000, 1_600_000_000)
  await using feed = await new Feed(scratch).open({ guard: { maxPercent: 10, minEntries: 5 } })
  feed.connect({ start: 'resync', sequence: 40, head: 40 })
  const first = await feed.told('list')
  assert.equal(first.digests, false)
  feed.text(listing(first.request, listingOf(source), null))
  await until(() => feed.allSent('list').length > 1, 'a closer look')
  assert.equal(feed.allSent('list')[1]?.digests, true)
  feed.text(listing(feed.allSent('list')[1]?.request ?? 0, listingOf(source), null))
  const { plan } = await feed.seen('first-join')
  assert.equal(plan.replaced, 0)
  await until(() => feed.allSent('list').length > 2, 'the comparison')
})

test('what a repair replaces goes to the trash, each file in full; what a changeset replaces does not', async () => {
  using scratch = new Scratch()
  const source = scratch.at('source')
  makeSource(source)
  copyTree(source, scratch.at('target'))
  const at = (name: string) => scratch.at('target', name)
  writeFileSync(at('app/f1'), 'of this host, and longer')
  writeFileSync(at('app/f2'), 'CONTENT 2')
  rmSync(at('link'))
  symlinkSync('elsewhere', at('link'))
  rmSync(at('empty'), { recursive: true })
  writeFileSync(at('empty'), 'where a directory has to be')
  await using feed = await new Feed(scratch).open()
  await resync(feed, source)
  assert.deepEqual(treeOf(feed.target), treeOf(source))
  await feed.seen('phase', ({ phase }) => phase === 'live')
  await feed.commit([file('app/f3', 'a new version')])
  const [batch = ''] = readdirSync(scratch.at('state/trash'))
  const kept = (name: string) => scratch.at('state/trash', batch, name)
  assert.equal(readFileSync(kept('app/f1'), 'utf8'), 'of this host, and longer')
  assert.equal(readFileSync(kept('app/f2'), 'utf8'), 'CONTENT 2')
  assert.equal(readlinkSync(kept('link')), 'elsewhere')
  assert.equal(readFileSync(kept('empty'), 'utf8'), 'where a directory has to be')
  assert.ok(!existsSync(kept('app/f3')))
})

test('what a first join could not replace yet goes to the trash when its change comes, replaced or removed', async () => {
  using scratch = new Scratch()
  mkdirSync(scratch.at('target'))
  for (const name of ['upload', 'late', 'gone']) writeFileSync(scratch.at('target', name), `${name} of this host`)
  await using feed = await new Feed(scratch).open()
  feed.connect({ start: 'resync', sequence: 40, head: 40 })
  const root: ListedChildren = { path: '', entries: [['.', 'd', 0o755, 0, 0, 0]], complete: true }
  const children: ListedChildren = {
    path: '.',
    complete: true,
    entries: [
      ['gone', 'f', 0o644, 0, 0, 1_000_000, 9, null],
      ['late', 'f', 0o644, 0, 0, 1_000_000, 9, null],
      ['upload', 'u'],
    ],
  }
  for (const number of [0, 1]) {
    await until(() => feed.allSent('list').length > number, 'a list')
    feed.text(listing(feed.allSent('list')[number]?.request ?? 0, [root, children], null))
  }
  const { request, paths } = await feed.told('want')
  assert.deepEqual(
    paths.map(([path]) => path),
    ['gone', 'late', 'upload'],
  )
  // All of them change just now: the answer leaves them out.
  await feed.changeset([], { request })
  await feed.seen('phase', ({ phase }) => phase === 'replaying')
  await feed.commit([file('upload', 'of the agent'), file('late', 'of the agent'), absent('gone')])
  const [batch = ''] = readdirSync(scratch.at('state/trash'))
  for (const name of ['upload', 'late', 'gone'])
    assert.equal(readFileSync(scratch.at('state/trash', batch, name), 'utf8'), `${name} of this host`)
  await feed.commit([file('upload', 'newer'), absent('late')])
  assert.deepEqual(readdirSync(scratch.at('state/trash', batch)).sort(), ['gone', 'late', 'upload'])
})

test('after the agent has begun a new index nothing extraneous goes by itself; an order removes it', async () => {
  for (const extraneous of ['report', 'trash'] as const) {
    using scratch = new Scratch()
    const source = scratch.at('source')
    makeSource(source)
    await using feed = await new Feed(scratch).open({ extraneous })
    await resync(feed, source)
    writeFileSync(`${feed.target}/app/cached.jpg`, 'made by this host')
    writeFileSync(`${feed.target}/app/f1`, 'drift')
    // A line that breaks, and a restart, make no first join of it.
    const lists = feed.allSent('list').length
    feed.connect({ start: 'resync', sequence: 40, head: 40, epoch: 'epoch-2' })
    await until(() => feed.allSent('list').length > lists, 'a list')
    await feed.close()
    await feed.open({ extraneous })
    await resync(feed, source, { welcome: { epoch: 'epoch-2' } })
    assert.equal(existsSync(`${feed.target}/app/cached.jpg`), extraneous === 'report')
    assert.equal(readFileSync(`${feed.target}/app/f1`, 'utf8'), 'content 1')
    const told = feed.all('log').filter(({ message }) => message.includes('left in place'))
    assert.deepEqual(
      told.map(({ details }) => details),
      extraneous === 'trash' ? [] : [{ extraneous: 1, paths: ['app/cached.jpg'] }],
    )
    const asked = feed.allSent('list').length
    feed.text({ type: 'resync', id: 7, within: ['.'], check: 'metadata', dryRun: false })
    await until(() => feed.allSent('list').length > asked, 'a list')
    feed.text(listing(feed.allSent('list').at(-1)?.request ?? 0, listingOf(source), null))
    await until(() => feed.allSent('resync-progress').at(-1)?.state === 'done', 'the end')
    assert.ok(!existsSync(`${feed.target}/app/cached.jpg`))
  }
})
