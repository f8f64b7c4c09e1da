/**
 * Twenty thousand calls, a million with ROOTFERRY_LONG=1, leave no memory and no descriptor behind. Every call of the
 * interface is among them, which the compiler demands; some of them fail.
 */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { test } from 'node:test'
import { libc, TemporaryDirectory } from '../../../test-support/temporary-directory.ts'
import { collectGarbage } from '../collect-garbage.ts'
import { errorCode } from '../failure.ts'
import type { SystemCalls } from './system-calls.ts'

const CALLS = process.env['ROOTFERRY_LONG'] === '1' ? 1_000_000 : 20_000
const { O_RDONLY, O_RDWR, O_CREAT } = fs.constants
const IN_CREATE = 0x100
const KEPT = 2 ** 32 - 1
const MOST_BYTES = 16 * 1024 * 1024

type Group = Exclude<keyof SystemCalls, 'kind'>
/** For each call of the interface, what is done with it in a round. */
type Round = { [G in Group]: { [Call in keyof NonNullable<SystemCalls[G]>]: () => unknown } }

test(`${CALLS} calls leave nothing behind`, (t) => {
  using place = new TemporaryDirectory()
  const { round, end } = roundIn(place)
  const rows = Object.values(round).flatMap((group) => Object.values(group))
  const perform = (calls: number) => {
    for (let done = 0; done < calls; done += rows.length) for (const row of rows) row()
  }
  perform(CALLS / 2)
  const before = usage()
  perform(CALLS)
  const after = usage()
  end()
  t.diagnostic(`${rows.length} kinds of calls, ${after.bytes - before.bytes} bytes more`)
  assert.equal(after.descriptors, before.descriptors)
  assert.ok(after.bytes - before.bytes < MOST_BYTES, `${after.bytes - before.bytes} bytes more`)
})

function roundIn(place: TemporaryDirectory): { round: Round; end: () => void } {
  const { paths, attributes, ranges, watches, accounts, locks } = libc()
  assert.ok(attributes && ranges && watches && accounts && locks)
  place.write('file', 'x'.repeat(10_000))
  place.write('Ünïcödé')
  fs.symlinkSync('file', place.at('link'))
  const { descriptor: at } = place
  const file = paths.open(at, 'file', O_RDWR)
  const copy = paths.open(at, 'copy', O_RDWR | O_CREAT, 0o600)
  const inotify = watches.open()
  const now = { seconds: 1, nanoseconds: 1 }
  let opened = -1
  let watch = -1
  const round: Round = {
    paths: {
      open: () => (opened = paths.open(at, 'Ünïcödé', O_RDONLY)),
      close: () => paths.close(opened),
      status: () => paths.status(at, 'file'),
      statusIfAny: () => paths.statusIfAny(at, 'none'),
      statusOf: () => paths.statusOf(file),
      list: () => [...paths.list(at, '.')],
      makeDirectory: () => paths.makeDirectory(at, 'directory', 0o700),
      rename: () => paths.rename(at, 'directory', at, 'other', 'no-replace'),
      removeDirectory: () => paths.removeDirectory(at, 'other'),
      symlink: () => paths.symlink('file', at, 'symlink'),
      unlink: () => paths.unlink(at, 'symlink'),
      link: () => refused('EEXIST', () => paths.link(at, 'file', at, 'link')),
      readLink: () => paths.readLink(at, 'link'),
      setTimes: () => paths.setTimes(at, 'file', null, now),
      setOwner: () => paths.setOwner(at, 'file', KEPT, KEPT),
      setMode: () => paths.setMode(at, 'file', 0o640),
      filesystem: () => paths.filesystem(at),
    },
    attributes: {
      set: () => possibly(() => attributes.set(file, null, 'user.a', Buffer.from('value'), 'any')),
      list: () => attributes.list(at, 'file'),
      get: () => attributes.get(at, 'file', 'user.a'),
      remove: () => possibly(() => attributes.remove(file, null, 'user.a')),
    },
    ranges: {
      copy: () => ranges.copy(file, 0, copy, 0, 5_000),
      clone: () => possibly(() => ranges.clone(file, 0, copy, 0, 0)),
      allocate: () => ranges.allocate(copy, 'punch', 0, 4_096),
      seek: () => ranges.seek(copy, 'data', 0),
      isCached: () => ranges.isCached(file, 0, 10_000),
      advise: () => ranges.advise(file, 'will-need', 0, 0),
      syncFilesystem: () => refused('EBADF', () => ranges.syncFilesystem(999_999)),
    },
    watches: {
      // The kernel takes milliseconds to end an instance.
      open: rarely(() => fs.closeSync(watches.open())),
      add: () => (watch = watches.add(inotify, place.path, IN_CREATE)),
      wait: () => watches.wait(inotify, 0),
      read: () => watches.read(inotify),
      remove: () => watches.remove(inotify, watch),
    },
    accounts: {
      userName: () => accounts.userName(0),
      userId: () => accounts.userId('nobody-has-this-name'),
      groupName: () => accounts.groupName(0),
      groupId: () => accounts.groupId('root'),
    },
    locks: {
      tryLock: () => locks.tryLock(file, 'exclusive'),
      unlock: () => locks.unlock(file),
    },
  }
  const end = () => {
    for (const descriptor of [file, copy]) paths.close(descriptor)
    fs.closeSync(inotify)
  }
  return { round, end }
}

/** In every thirtieth round. */
function rarely(act: () => unknown): () => void {
  let rounds = 0
  return () => void (rounds++ % 30 === 0 && act())
}

function refused(code: string, act: () => unknown): void {
  assert.throws(act, { code })
}

/** Not every filesystem can. */
function possibly(act: () => unknown): void {
  try {
    act()
  } catch (error) {
    assert.ok(errorCode(error) !== null, String(error))
  }
}

function usage(): { bytes: number; descriptors: number } {
  collectGarbage()
  return { bytes: process.memoryUsage.rss(), descriptors: fs.readdirSync('/proc/self/fd').length }
}
