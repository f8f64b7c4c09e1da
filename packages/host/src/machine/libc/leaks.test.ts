/** A hundred thousand calls, a million with ROOTFERRY_LONG=1, leave no memory and no descriptor behind. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { test } from 'node:test'
import { libc, TemporaryDirectory } from '../../../test-support/temporary-directory.ts'
import { collectGarbage } from '../collect-garbage.ts'

const CALLS = process.env['ROOTFERRY_LONG'] === '1' ? 1_000_000 : 100_000
const IN_CREATE = 0x100
const MOST_BYTES = 24 * 1024 * 1024

test(`${CALLS} calls leave nothing behind`, () => {
  const calls = libc()
  const { paths, watches, attributes } = calls
  assert.ok(watches !== null && attributes !== null)
  using place = new TemporaryDirectory()
  place.write('file', 'x')
  place.write('Ünïcödé')
  fs.symlinkSync('file', place.at('link'))
  const { descriptor } = place
  const inotify = watches.open()
  const round = () => {
    paths.status(descriptor, 'file')
    paths.statusIfAny(descriptor, 'none')
    paths.readLink(descriptor, 'link')
    paths.list(descriptor, '.')
    paths.close(paths.open(descriptor, 'Ünïcödé', fs.constants.O_RDONLY))
    paths.rename(descriptor, 'file', descriptor, 'other', 'no-replace')
    paths.rename(descriptor, 'other', descriptor, 'file', 'replace')
    attributes.list(descriptor, 'file')
    assert.throws(() => paths.unlink(descriptor, 'none'), { code: 'ENOENT' })
    watches.remove(inotify, watches.add(inotify, place.path, IN_CREATE))
    watches.read(inotify)
  }
  const rounds = CALLS / 16
  for (let warm = 0; warm < rounds / 5; warm += 1) round()
  const before = usage()
  for (let done = 0; done < rounds; done += 1) round()
  const after = usage()
  fs.closeSync(inotify)
  assert.equal(after.descriptors, before.descriptors)
  assert.ok(after.bytes - before.bytes < MOST_BYTES, `${after.bytes - before.bytes} bytes more`)
})

function usage(): { bytes: number; descriptors: number } {
  collectGarbage()
  return { bytes: process.memoryUsage.rss(), descriptors: fs.readdirSync('/proc/self/fd').length }
}
