/** Directories that a digest cannot prove equal are listed, whatever the digest says; the others are not. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import {
  ABOVE_ROOT,
  directoryDigest,
  joinPath,
  type ListedEntry,
  type Preserved,
  type Summary,
} from '@rootferry/protocol'
import { Feed, listingOf, Scratch } from '../../../test-support/test-feed.ts'
import { copyTree, makeSource, resync } from '../../../test-support/test-resync.ts'
import type { DiskOptions } from '../../root-messages.ts'

interface Case {
  options?: Partial<DiskOptions>
  preserve?: Preserved
  drift?: (target: string) => void
}

/** What a receiver asks for in a resync by size and time of a target that was equal. */
async function askedFor({ options = {}, preserve, drift = () => undefined }: Case): Promise<string[]> {
  using scratch = new Scratch()
  const source = scratch.at('source')
  makeSource(source)
  copyTree(source, scratch.at('target'))
  await using feed = await new Feed(scratch).open(options)
  await resync(feed, source, { welcome: preserve === undefined ? {} : { preserve } })
  // The automatic resync has made the target what it is to be here.
  drift(feed.target)
  const known = feed.sent.length
  feed.text({ type: 'resync', id: 1, within: ['.'], check: 'metadata', dryRun: true, summaries: true })
  const asked: string[] = []
  for (let at = known; ; at += 1) {
    while (feed.sent[at] === undefined) await wait(1)
    const message = feed.sent[at]
    if (message?.type === 'list') return ['everything']
    if (message?.type === 'summarize') feed.text(summaryOf(source, message.request, message.owners))
    else if (message?.type === 'expand') {
      asked.push(...message.within)
      const wanted = new Set([...message.within, ABOVE_ROOT])
      const directories = listingOf(source).filter(({ path }) => wanted.has(path))
      const { request } = message
      feed.text({ type: 'listing', request, sequence: 40, directories, users: [], groups: [], next: null })
    } else if (message?.type === 'resync-progress' && message.state !== 'running') return asked.sort()
  }
}

function summaryOf(source: string, request: number, owners: boolean): Summary {
  const groups = listingOf(source).filter(({ path }) => path !== ABOVE_ROOT)
  const directories = groups.map(({ path, entries }): Summary['directories'][number] => {
    return [0, path, entries.length, directoryDigest(entries.map((entry) => summarized(entry, owners)))]
  })
  return { type: 'summary', request, sequence: 40, directories, users: [], groups: [], next: null }
}

function summarized(entry: ListedEntry, owners: boolean) {
  if (entry[1] === 'u') return assert.fail('nothing is unsettled here')
  const [name, letter, mode, uid, gid, mtime] = entry
  const rest = letter === 'd' ? '' : entry[6]
  const owner = owners ? { uid, gid } : { uid: 0, gid: 0 }
  return { name, letter, mode: letter === 'l' ? 0 : mode, ...owner, mtime, rest }
}

test('of an equal tree only the root is listed', async () => {
  assert.deepEqual(await askedFor({}), ['.'])
  assert.deepEqual(await askedFor({ options: { owner: 'keep' } }), ['.'])
})

test('a directory in which a mode is another than it is to be here is listed, though the agent has the same', async () => {
  const drift = (target: string) => chmodSync(joinPath(target, 'app/etc/zero'), 0o644)
  const asked = await askedFor({ options: { mode: 'D0755,F0600' }, drift })
  assert.ok(asked.includes('app/etc'), `${asked}`)
})

test('a directory with a name that is no text is listed', async () => {
  const drift = (target: string) => {
    writeFileSync(Buffer.concat([Buffer.from(`${target}/empty/`), Buffer.from([0xfe, 0x41])]), 'no utf-8')
  }
  assert.deepEqual(await askedFor({ drift }), ['.', 'empty'])
})

test('what the agent excludes, and what is protected, makes no difference', async () => {
  const drift = (target: string) => {
    mkdirSync(`${target}/app/local`)
    writeFileSync(`${target}/app/local/file`, 'of this host')
  }
  assert.deepEqual(await askedFor({ options: { protect: ['/app/local/'] }, drift }), ['.'])
})

test('a root that preserves more than a digest tells is listed as a whole', async () => {
  for (const preserve of [
    { acls: true, xattrs: [], hardLinks: false },
    { acls: false, xattrs: ['user'], hardLinks: false },
    { acls: false, xattrs: [], hardLinks: true },
  ] as const)
    assert.deepEqual(await askedFor({ preserve: { ...preserve, xattrs: [...preserve.xattrs] } }), ['everything'])
})
