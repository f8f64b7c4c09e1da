/**
 * Test support: resyncs of real trees against a listing of another real tree, by an agent that answers from a
 * directory.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import type { ListedChildren, Listing, Welcome } from '@rootferry/protocol'
import { changeFor, type Feed, listingOf } from './test-feed.ts'

/** An agent that answers lists and wants from a real directory until the resync is over. */
export async function resync(
  feed: Feed,
  source: string,
  options: { perListing?: number; welcome?: Partial<Welcome>; beforeAnswer?: () => void } = {},
) {
  const listed = listingOf(source)
  const perListing = options.perListing ?? 1000
  const parts: ListedChildren[][] = []
  for (let at = 0; at < listed.length; at += perListing) parts.push(listed.slice(at, at + perListing))
  const wanted: string[] = []
  const start = feed.allSent('resynced').length
  let answered = feed.sent.length
  const hello = feed.connect({ start: 'resync', sequence: 40, head: 40, ...options.welcome })
  const deadline = performance.now() + 20_000
  while (feed.allSent('resynced').length === start) {
    assert.ok(performance.now() < deadline, 'the resync does not end')
    const message = feed.sent[answered]
    if (message === undefined) {
      assert.deepEqual(feed.all('broken'), [])
      await wait(1)
      continue
    }
    answered += 1
    if (message.type === 'list') {
      const part = message.after === null ? 0 : Number(message.after)
      const next = part + 1 < parts.length ? String(part + 1) : null
      const directories = parts[part] ?? []
      feed.text(listing(message.request, directories, next))
    } else if (message.type === 'want') {
      const { request, paths } = message
      wanted.push(...paths.map(([path]) => path))
      options.beforeAnswer?.()
      await feed.changeset(
        paths.map(([path]) => changeFor(source, path)),
        { request },
      )
    }
  }
  return { wanted, hello }
}

export function listing(request: number, directories: ListedChildren[], next: string | null): Listing {
  return { type: 'listing', request, sequence: 40, directories, users: [], groups: [], next }
}

export function makeSource(path: string): void {
  mkdirSync(`${path}/app/etc`, { recursive: true })
  mkdirSync(`${path}/empty`)
  mkdirSync(`${path}/-odd`)
  writeFileSync(`${path}/-odd/f`, 'odd')
  for (let index = 0; index < 20; index += 1) writeFileSync(`${path}/app/f${index}`, `content ${index}`)
  writeFileSync(`${path}/app/etc/zero`, '')
  symlinkSync('app/f1', `${path}/link`)
  chmodSync(`${path}/app/etc`, 0o555)
  let time = 1_600_000_000
  for (const name of ['app/etc/zero', 'app/etc', 'app/f1', 'app', 'empty', '-odd', '.']) {
    time += 0.123456
    utimesSync(`${path}/${name}`, time, time)
  }
}

export function copyTree(from: string, to: string): void {
  // Not fs.cpSync, which is a microsecond off.
  execFileSync('cp', ['-a', from, to])
}
