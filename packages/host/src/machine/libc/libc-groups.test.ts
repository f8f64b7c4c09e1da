/** Attributes, ranges, watches, accounts and locks by libc, compared with the usual programs for them. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { describe, it, type TestContext } from 'node:test'
import { libc, TemporaryDirectory } from '../../../test-support/temporary-directory.ts'
import { errorCode } from '../failure.ts'
import type { SystemCalls } from './system-calls.ts'

const { O_RDWR, O_CREAT } = fs.constants
const named = (code: string) => (error: unknown) => errorCode(error) === code
const calls = libc()

/** @throws unless libc has the group */
function group<Key extends keyof SystemCalls>(key: Key): NonNullable<SystemCalls[Key]> {
  return calls[key] ?? assert.fail(`libc has no ${key}`)
}

class OpenFile implements Disposable {
  readonly descriptor: number

  constructor(place: TemporaryDirectory, name: string) {
    this.descriptor = calls.paths.open(place.descriptor, name, O_RDWR | O_CREAT, 0o600)
  }

  [Symbol.dispose](): void {
    calls.paths.close(this.descriptor)
  }
}

/** @returns whether the program is installed; if not, the test says so */
function has(t: TestContext, program: string): boolean {
  if (spawnSync(program, ['--version']).error === undefined) return true
  t.skip(`no ${program} here`)
  return false
}

describe('extended attributes', () => {
  const attributes = group('attributes')
  const value = Buffer.from([0, 1, 0x80, 0xff, 10])

  it('are set, listed, read and removed, by open file and by name', (t) => {
    using place = new TemporaryDirectory()
    using file = new OpenFile(place, 'a b')
    const places: [number, string | null][] = [
      [file.descriptor, null],
      [place.descriptor, 'a b'],
    ]
    try {
      attributes.set(file.descriptor, null, 'user.first', value, 'any')
    } catch (error) {
      if (errorCode(error) === 'ENOTSUP') return t.skip('no extended attributes on the temporary filesystem')
      throw error
    }
    attributes.set(place.descriptor, 'a b', 'user.second', new Uint8Array(0), 'new')
    for (const [descriptor, name] of places) {
      assert.deepEqual(
        attributes
          .list(descriptor, name)
          .filter((each) => each.startsWith('user.'))
          .sort(),
        ['user.first', 'user.second'],
      )
      assert.deepEqual(attributes.get(descriptor, name, 'user.first'), new Uint8Array(value))
      assert.deepEqual(attributes.get(descriptor, name, 'user.second'), new Uint8Array(0))
      assert.equal(attributes.get(descriptor, name, 'user.none'), null)
      assert.throws(() => attributes.set(descriptor, name, 'user.first', value, 'new'), named('EEXIST'))
      assert.throws(() => attributes.set(descriptor, name, 'user.none', value, 'old'), named('ENODATA'))
      assert.throws(() => attributes.set(descriptor, name, 'user.b', new Uint8Array(70_000), 'any'), named('E2BIG'))
      attributes.remove(descriptor, name, 'user.none')
    }
    attributes.remove(file.descriptor, null, 'user.first')
    attributes.remove(place.descriptor, 'a b', 'user.second')
    assert.deepEqual(
      attributes.list(file.descriptor, null).filter((each) => each.startsWith('user.')),
      [],
    )
  })

  it('are those that getfattr sees', (t) => {
    if (!has(t, 'getfattr')) return
    using place = new TemporaryDirectory()
    using file = new OpenFile(place, 'f')
    attributes.set(file.descriptor, null, 'user.x', value, 'any')
    const said = execFileSync('getfattr', ['-d', '-e', 'hex', '--absolute-names', place.at('f')], { encoding: 'utf8' })
    assert.match(said, /^user\.x=0x000180ff0a$/m)
  })

  it('hold the ACL that setfacl has set', (t) => {
    if (!has(t, 'setfacl')) return
    using place = new TemporaryDirectory()
    using file = new OpenFile(place, 'f')
    execFileSync('setfacl', ['-m', 'u:1234:rw', place.at('f')])
    const acl = attributes.get(file.descriptor, null, 'system.posix_acl_access')
    assert.ok(acl !== null && acl.byteLength > 4)
    using copy = new OpenFile(place, 'g')
    attributes.set(copy.descriptor, null, 'system.posix_acl_access', acl, 'any')
    const listed = (name: string) => execFileSync('getfacl', ['-nc', place.at(name)], { encoding: 'utf8', cwd: '/' })
    assert.equal(listed('g'), listed('f'))
    assert.match(listed('g'), /^user:1234:rw-/m)
  })

  it('of a symlink are its own', () => {
    using place = new TemporaryDirectory()
    place.write('f')
    fs.symlinkSync('f', place.at('link'))
    assert.throws(() => attributes.set(place.descriptor, 'link', 'user.x', value, 'any'), named('EPERM'))
    assert.throws(() => attributes.get(place.descriptor, 'none', 'user.x'), named('ENOENT'))
    assert.throws(() => attributes.get(place.descriptor, '../x', 'user.x'), named('EINVAL'))
  })
})

describe('ranges', () => {
  const ranges = group('ranges')

  it('are copied within the kernel, up to the end of the source', () => {
    using place = new TemporaryDirectory()
    place.write('from', '0123456789')
    using from = new OpenFile(place, 'from')
    using to = new OpenFile(place, 'to')
    assert.equal(ranges.copy(from.descriptor, 2, to.descriptor, 5, 4), 4)
    assert.equal(ranges.copy(from.descriptor, 8, to.descriptor, 0, 100), 2)
    assert.equal(ranges.copy(from.descriptor, 10, to.descriptor, 0, 100), 0)
    assert.equal(fs.readFileSync(place.at('to'), 'latin1'), '89\0\0\x002345')
    assert.throws(() => ranges.copy(from.descriptor, -1, to.descriptor, 0, 1), named('EINVAL'))
    assert.throws(() => ranges.copy(from.descriptor, 2 ** 60, to.descriptor, 0, 1), named('EINVAL'))
  })

  it('are shared where the filesystem can, and refused with a code where it cannot', () => {
    using place = new TemporaryDirectory()
    place.write('from', 'x'.repeat(8_192))
    using from = new OpenFile(place, 'from')
    using to = new OpenFile(place, 'to')
    try {
      ranges.clone(from.descriptor, 0, to.descriptor, 0, 0)
      assert.equal(fs.readFileSync(place.at('to'), 'latin1'), 'x'.repeat(8_192))
    } catch (error) {
      assert.ok(['ENOTSUP', 'EINVAL', 'ENOTTY'].includes(errorCode(error) ?? ''), String(error))
    }
  })

  it('are reserved, punched and found again as data and holes', () => {
    using place = new TemporaryDirectory()
    using file = new OpenFile(place, 'sparse')
    const { descriptor } = file
    fs.writeSync(descriptor, Buffer.alloc(3 << 20, 'x'))
    ranges.allocate(descriptor, 'punch', 1 << 20, 1 << 20)
    assert.equal(ranges.seek(descriptor, 'hole', 0), 1 << 20)
    assert.equal(ranges.seek(descriptor, 'data', 1 << 20), 2 << 20)
    assert.equal(ranges.seek(descriptor, 'data', 3 << 20), null)
    ranges.allocate(descriptor, 'reserve', 3 << 20, 1 << 20)
    const status = calls.paths.statusOf(descriptor)
    assert.equal(status.size, 3 << 20)
    const [blocks] = execFileSync('stat', ['--format', '%b', place.at('sparse')], { encoding: 'utf8' }).split('\n')
    assert.equal(String(status.blocks), blocks)
    fs.ftruncateSync(descriptor, 2 ** 42)
    assert.equal(calls.paths.statusOf(descriptor).size, 2 ** 42)
  })

  it('are in memory after they were read, and not any more when they are not needed', (t) => {
    // A filesystem in memory has all pages there.
    using place = new TemporaryDirectory(process.env['ROOTFERRY_DISK'])
    place.write('f', 'x'.repeat(100_000))
    using file = new OpenFile(place, 'f')
    const { descriptor } = file
    const isCached = (offset = 0) => ranges.isCached(descriptor, offset, 100_000)
    assert.equal(isCached(), true)
    fs.fsyncSync(descriptor)
    ranges.advise(descriptor, 'dont-need', 0, 0)
    if (isCached()) return t.skip('the temporary filesystem keeps what is read')
    fs.readSync(descriptor, Buffer.alloc(1), 0, 1, 90_000)
    assert.equal(isCached(), true)
    const far = 2 ** 33
    fs.ftruncateSync(descriptor, far + 100_000)
    assert.equal(isCached(far), false)
    fs.readSync(descriptor, Buffer.alloc(1), 0, 1, far + 99_999)
    assert.equal(isCached(far), true)
    assert.equal(ranges.isCached(descriptor, 0, 0), false)
    assert.throws(() => ranges.isCached(999_999, 0, 1), named('EBADF'))
    assert.throws(() => ranges.isCached(descriptor, 1, 1), named('EINVAL'))
    assert.throws(() => ranges.isCached(descriptor, 0, 2 ** 30), named('EINVAL'))
  })

  it('are advised about, and synced with all of their filesystem', () => {
    using place = new TemporaryDirectory()
    place.write('f')
    using file = new OpenFile(place, 'f')
    for (const advice of ['sequential', 'will-need', 'dont-need'] as const) ranges.advise(file.descriptor, advice, 0, 0)
    ranges.syncFilesystem(file.descriptor)
    assert.throws(() => ranges.syncFilesystem(999_999), named('EBADF'))
    assert.throws(() => ranges.advise(999_999, 'dont-need', 0, 0), named('EBADF'))
  })
})

describe('watches', () => {
  const watches = group('watches')

  it('tell of a change, and of nothing when there is none', () => {
    using place = new TemporaryDirectory()
    const descriptor = watches.open()
    const IN_CREATE = 0x100
    const watch = watches.add(descriptor, place.path, IN_CREATE)
    assert.equal(watches.add(descriptor, `/proc/self/fd/${place.descriptor}/.`, IN_CREATE), watch, 'the same inode')
    assert.equal(watches.read(descriptor).byteLength, 0)
    assert.equal(watches.wait(descriptor, 0), false)
    place.write('new file')
    assert.equal(watches.wait(descriptor, 1_000), true)
    const events = watches.read(descriptor)
    const view = new DataView(events.buffer)
    assert.deepEqual([view.getInt32(0, true), view.getUint32(4, true)], [watch, IN_CREATE])
    assert.equal(Buffer.from(events.buffer).toString('latin1', 16).replaceAll('\0', ''), 'new file')
    watches.remove(descriptor, watch)
    watches.remove(descriptor, watch)
    assert.throws(() => watches.add(descriptor, place.at('none'), IN_CREATE), named('ENOENT'))
    fs.closeSync(descriptor)
  })
})

describe('accounts', () => {
  const accounts = group('accounts')

  it('are those that getent knows', (t) => {
    if (!has(t, 'getent')) return
    for (const [database, nameOf, idOf] of [
      ['passwd', (id: number) => accounts.userName(id), (name: string) => accounts.userId(name)],
      ['group', (id: number) => accounts.groupName(id), (name: string) => accounts.groupId(name)],
    ] as const) {
      const lines = execFileSync('getent', [database], { encoding: 'utf8' }).trim().split('\n')
      const known = lines.map((line) => line.split(':'))
      for (const [name = '', , id = ''] of known) {
        const first = known.find(([, , other]) => other === id)
        assert.equal(nameOf(Number(id)), first?.[0])
        assert.equal(idOf(name), Number(known.find(([other]) => other === name)?.[2]))
      }
    }
  })

  it('may not exist', () => {
    assert.equal(accounts.userName(3_999_999_999), null)
    assert.equal(accounts.groupName(3_999_999_999), null)
    assert.equal(accounts.userId('nobody-has-this-name'), null)
    assert.equal(accounts.groupId('nobody-has-this-name'), null)
    assert.throws(() => accounts.userId('a\0b'), named('EINVAL'))
  })
})

describe('locks', () => {
  const locks = group('locks')

  it('keep others out until they are given back', () => {
    using place = new TemporaryDirectory()
    using one = new OpenFile(place, 'lock')
    using other = new OpenFile(place, 'lock')
    assert.equal(locks.tryLock(one.descriptor, 'exclusive'), true)
    assert.equal(locks.tryLock(other.descriptor, 'shared'), false)
    locks.unlock(one.descriptor)
    assert.equal(locks.tryLock(other.descriptor, 'shared'), true)
    assert.equal(locks.tryLock(one.descriptor, 'shared'), true)
    assert.equal(locks.tryLock(one.descriptor, 'exclusive'), false)
  })
})
