/** Laws of the calls on paths, for both implementations, and a comparison with GNU's `stat`. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import { describe, it } from 'node:test'
import { IMPLEMENTATIONS, TemporaryDirectory } from '../../../test-support/temporary-directory.ts'
import { errorCode } from '../failure.ts'
import type { Name, PathCalls } from './system-calls.ts'

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_DIRECTORY } = fs.constants
const NOT_UTF8 = new Uint8Array([0x61, 0xff, 0x62])
const STRANGE = [
  'line\nbreak',
  '-rf',
  ' a ',
  'x'.repeat(255),
  'Ünïcödé 日本語 🦊',
  '\ufffd',
  '...',
  '..x',
  'a\\b',
  '\u001b[m',
]

const named = (code: string) => (error: unknown) => errorCode(error) === code

for (const [kind, implementation] of Object.entries(IMPLEMENTATIONS)) {
  describe(`paths by ${kind}`, () => {
    const { paths } = implementation()

    it('tell of every kind of entry what GNU stat tells', (t) => {
      if (spawnSync('stat', ['--version']).stdout?.includes('GNU') !== true) return t.skip('no GNU stat here')
      using place = new TemporaryDirectory()
      const server = makeOneOfEach(place)
      for (const name of fs.readdirSync(place.path)) {
        const format = '%f %u %g %s %h %b %i %d %Y %Z %W'
        const words = execFileSync('stat', ['--format', format, place.at(name)], { encoding: 'utf8' })
          .trim()
          .split(' ')
        const { mode, uid, gid, size, links, blocks, inode, device, ...times } = paths.status(place.descriptor, name)
        const [found = '', ...others] = words
        assert.equal(Number.parseInt(found, 16) & 0o7777, mode, name)
        const [mtime, ctime, birth] = [times.mtimeSeconds, times.ctimeSeconds, times.birthSeconds ?? 0]
        assert.deepEqual(others, [uid, gid, size, links, blocks, inode, device, mtime, ctime, birth].map(String), name)
      }
      server.close()
    })

    it('know the kinds, in a status and in a listing', () => {
      using place = new TemporaryDirectory()
      const server = makeOneOfEach(place)
      const kinds = new Map([...paths.list(place.descriptor, '.')].flat().map((entry) => [entry.name, entry.kind]))
      const expected = { file: 'file', directory: 'directory', symlink: 'symlink', fifo: 'fifo', socket: 'socket' }
      assert.deepEqual(Object.fromEntries([...kinds].sort()), Object.fromEntries(Object.entries(expected).sort()))
      for (const [name, each] of kinds) assert.equal(paths.status(place.descriptor, name).kind, each)
      server.close()
    })

    it('take and give names of any bytes', () => {
      using place = new TemporaryDirectory()
      const names: Name[] = [...STRANGE, NOT_UTF8]
      for (const name of names) paths.close(paths.open(place.descriptor, name, O_WRONLY | O_CREAT | O_EXCL, 0o600))
      const found = [...paths.list(place.descriptor, '.')].flat().map(({ name }) => name)
      assert.deepEqual(new Set(found.map(String)), new Set(names.map(String)))
      assert.deepEqual(
        found.filter((name) => typeof name !== 'string'),
        [NOT_UTF8],
      )
      for (const name of found) assert.equal(paths.status(place.descriptor, name).kind, 'file')
      paths.symlink(NOT_UTF8, place.descriptor, 'link')
      assert.deepEqual(paths.readLink(place.descriptor, 'link'), NOT_UTF8)
      for (const name of found) paths.unlink(place.descriptor, name)
      assert.equal([...paths.list(place.descriptor, '.')].flat().length, 1)
    })

    it('list a directory that does not fit into one answer of the kernel', () => {
      using place = new TemporaryDirectory()
      const names = Array.from({ length: 800 }, (_, number) => `${number}${'n'.repeat(number % 250)}`).sort()
      for (const name of names) place.write(name, '')
      const found = [...paths.list(place.descriptor, '.')].flat().map(({ name }) => String(name))
      assert.equal(found.sort().join('\n'), names.join('\n'))
    })

    it('refuse a name that is not one component, before the kernel is asked', () => {
      using place = new TemporaryDirectory()
      fs.mkdirSync(place.at('d'))
      const names: Name[] = [
        '',
        '..',
        'd/x',
        '/etc',
        'a\0b',
        new Uint8Array([0x64, 0x2f, 0x78]),
        new Uint8Array([0x61, 0]),
      ]
      for (const name of names) {
        for (const [what, call] of Object.entries(callsOf(paths, place.descriptor, name))) {
          assert.throws(call, named('EINVAL'), `${what} of ${String(name)}`)
        }
      }
      assert.throws(() => paths.symlink('a\0b', place.descriptor, 'link'), named('EINVAL'))
      assert.deepEqual(fs.readdirSync(place.path), ['d'])
    })

    it('do not follow a symlink in the place of the entry', () => {
      using place = new TemporaryDirectory()
      place.write('file')
      fs.mkdirSync(place.at('directory'))
      fs.symlinkSync('file', place.at('to-file'))
      fs.symlinkSync('directory', place.at('to-directory'))
      const { descriptor } = place
      const before = fs.statSync(place.at('file'), { bigint: true })
      assert.equal(paths.status(descriptor, 'to-file').kind, 'symlink')
      assert.throws(() => [...paths.list(descriptor, 'to-directory')].flat(), named('ENOTDIR'))
      assert.throws(() => paths.open(descriptor, 'to-file', O_RDONLY | O_NOFOLLOW), named('ELOOP'))
      assert.throws(() => paths.setMode(descriptor, 'to-file', 0o600), named('ENOTSUP'))
      paths.setTimes(descriptor, 'to-file', { seconds: 1, nanoseconds: 0 }, { seconds: 1, nanoseconds: 0 })
      paths.setOwner(descriptor, 'to-file', 2 ** 32 - 1, 2 ** 32 - 1)
      assert.equal(paths.status(descriptor, 'to-file').mtimeSeconds, 1)
      assert.equal(fs.statSync(place.at('file'), { bigint: true }).ctimeNs, before.ctimeNs)
    })

    it('set modes, owners and times, before 1970 and beyond 2038 too', () => {
      using place = new TemporaryDirectory()
      place.write('file')
      for (const mode of [0o4755, 0o2644, 0, 0o777]) {
        paths.setMode(place.descriptor, 'file', mode)
        assert.equal(paths.status(place.descriptor, 'file').mode, mode)
      }
      const { uid, gid } = fs.lstatSync(place.path)
      paths.setOwner(place.descriptor, 'file', uid, gid)
      for (const seconds of [0, -1, -86_400, 1_700_000_000, 4_102_444_800]) {
        const mtime = { seconds, nanoseconds: 123_456_000 }
        paths.setTimes(place.descriptor, 'file', mtime, mtime)
        const status = paths.status(place.descriptor, 'file')
        assert.equal(status.mtimeSeconds, seconds)
        assert.ok(Math.abs(status.mtimeNanoseconds - mtime.nanoseconds) < 1_000, `${status.mtimeNanoseconds}`)
      }
    })

    it('make, link, rename and remove', () => {
      using place = new TemporaryDirectory()
      const { descriptor } = place
      paths.makeDirectory(descriptor, 'd', 0o700)
      const below = paths.open(descriptor, 'd', O_RDONLY | O_DIRECTORY)
      place.write('a')
      paths.link(descriptor, 'a', below, 'hard')
      assert.equal(paths.status(descriptor, 'a').links, 2)
      paths.symlink('hard', below, 'soft')
      paths.link(below, 'soft', below, 'soft2')
      assert.equal(paths.readLink(below, 'soft2'), 'hard')
      paths.rename(descriptor, 'a', below, 'b', 'replace')
      assert.equal(paths.statusIfAny(descriptor, 'a'), null)
      assert.equal(paths.statusIfAny(descriptor, 'd')?.kind, 'directory')
      assert.throws(() => paths.removeDirectory(descriptor, 'd'), named('ENOTEMPTY'))
      for (const name of ['hard', 'soft', 'soft2', 'b']) paths.unlink(below, name)
      paths.close(below)
      paths.removeDirectory(descriptor, 'd')
      assert.deepEqual(fs.readdirSync(place.path), [])
    })

    it('fail as Node fails: code, errno, syscall and path', () => {
      using place = new TemporaryDirectory()
      const { descriptor } = place
      place.write('file')
      fs.mkdirSync(place.at('d'))
      place.write('d/x')
      assert.throws(
        () => paths.status(descriptor, 'none'),
        (error: unknown) => {
          assert.ok(error instanceof Error && 'errno' in error && 'syscall' in error && 'path' in error)
          assert.equal(errorCode(error), 'ENOENT')
          assert.equal(error.errno, -2)
          assert.match(error.message, /^ENOENT: no such file or directory, \w+ '.*none'$/)
          return true
        },
      )
      assert.throws(() => paths.makeDirectory(descriptor, 'file', 0o700), named('EEXIST'))
      assert.throws(() => paths.rename(descriptor, 'file', descriptor, 'd', 'replace'), named('EISDIR'))
      assert.throws(() => [...paths.list(descriptor, 'file')].flat(), named('ENOTDIR'))
      assert.throws(() => paths.readLink(descriptor, 'file'), named('EINVAL'))
      assert.throws(() => paths.status(descriptor, 'x'.repeat(256)), named('ENAMETOOLONG'))
      assert.throws(() => paths.close(999_999), named('EBADF'))
    })

    it('tell of the filesystem what Node tells', () => {
      using place = new TemporaryDirectory()
      const { descriptor, path } = place
      const [ours, theirs] = [paths.filesystem(descriptor), fs.statfsSync(path)]
      assert.equal(ours.type, theirs.type >>> 0)
      assert.equal(ours.blockBytes * ours.blocks, theirs.bsize * theirs.blocks)
      assert.equal(ours.inodes, theirs.files)
    })
  })
}

describe('paths by libc only', () => {
  const { paths } = IMPLEMENTATIONS['libc']?.() ?? assert.fail()

  it('set times to the nanosecond, and one without the other', () => {
    using place = new TemporaryDirectory()
    place.write('file')
    paths.setTimes(place.descriptor, 'file', { seconds: 5, nanoseconds: 5 }, { seconds: -7, nanoseconds: 999_999_999 })
    paths.setTimes(place.descriptor, 'file', { seconds: 253_402_300_799, nanoseconds: 1 }, null)
    const { mtimeSeconds, mtimeNanoseconds } = paths.status(place.descriptor, 'file')
    assert.deepEqual([mtimeSeconds, mtimeNanoseconds], [-7, 999_999_999])
  })

  it('rename without replacing, and exchange', () => {
    using place = new TemporaryDirectory()
    const { descriptor } = place
    place.write('a')
    fs.mkdirSync(place.at('b'))
    assert.throws(() => paths.rename(descriptor, 'a', descriptor, 'b', 'no-replace'), named('EEXIST'))
    paths.rename(descriptor, 'a', descriptor, 'b', 'exchange')
    assert.equal(fs.readFileSync(place.at('b'), 'utf8'), 'a')
    assert.equal(fs.statSync(place.at('a')).isDirectory(), true)
    paths.rename(descriptor, 'b', descriptor, 'c', 'no-replace')
    assert.deepEqual(fs.readdirSync(place.path).sort(), ['a', 'c'])
  })

  it('know the mount that findmnt knows', (t) => {
    if (spawnSync('findmnt', ['--version']).status !== 0) return t.skip('no findmnt here')
    using place = new TemporaryDirectory()
    const id = execFileSync('findmnt', ['--noheadings', '--output', 'ID', '--target', place.path], { encoding: 'utf8' })
    // Of several mounts at one place the last is on top.
    assert.equal(String(paths.statusOf(place.descriptor).mountId), id.trim().split('\n').at(-1)?.trim())
  })
})

function makeOneOfEach(place: TemporaryDirectory): net.Server {
  place.write('file', 'some content')
  fs.utimesSync(place.at('file'), 12.345_678, -98.765_432)
  fs.mkdirSync(place.at('directory'))
  fs.symlinkSync('nowhere', place.at('symlink'))
  execFileSync('mkfifo', [place.at('fifo')])
  return net.createServer().listen(place.at('socket'))
}

function callsOf(paths: PathCalls, directory: number, name: Name): Record<string, () => void> {
  const instant = { seconds: 0, nanoseconds: 0 }
  return {
    open: () => paths.open(directory, name, O_WRONLY | O_CREAT, 0o600),
    status: () => paths.status(directory, name),
    statusIfAny: () => paths.statusIfAny(directory, name),
    list: () => [...paths.list(directory, name)].flat(),
    makeDirectory: () => paths.makeDirectory(directory, name, 0o700),
    rename: () => paths.rename(directory, name, directory, 'new', 'replace'),
    'rename to': () => paths.rename(directory, 'd', directory, name, 'replace'),
    unlink: () => paths.unlink(directory, name),
    removeDirectory: () => paths.removeDirectory(directory, name),
    link: () => paths.link(directory, name, directory, 'new'),
    'link to': () => paths.link(directory, 'd', directory, name),
    symlink: () => paths.symlink('target', directory, name),
    readLink: () => paths.readLink(directory, name),
    setTimes: () => paths.setTimes(directory, name, instant, instant),
    setOwner: () => paths.setOwner(directory, name, 0, 0),
    setMode: () => paths.setMode(directory, name, 0o600),
  }
}
