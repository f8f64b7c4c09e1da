/**
 * Both implementations, driven through the same random operations in trees of their own: results and errors are equal.
 *
 * Every call of PathCalls has a row in PERFORMED, which the compiler demands. `portable` has no other calls; those of
 * libc alone are compared with programs in libc-groups.test.ts.
 */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { constants } from 'node:os'
import { test } from 'node:test'
import fc from 'fast-check'
import { libc, TemporaryDirectory } from '../../../test-support/temporary-directory.ts'
import { portableCalls } from '../choose-system-calls.ts'
import { errorCode } from '../failure.ts'
import type { Name, PathCalls, Status } from './system-calls.ts'
import { systemError } from './system-error.ts'

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_NOFOLLOW, O_DIRECTORY } = fs.constants
const { EBUSY, EEXIST } = constants.errno
const O_PATH = 0o10000000
const OPENINGS = [O_RDWR | O_CREAT, O_RDWR | O_CREAT | O_EXCL, O_RDWR | O_TRUNC, O_RDONLY, O_DIRECTORY, O_PATH]
const MANNERS = ['replace', 'replace', 'no-replace', 'exchange'] as const
/** A descriptor that nothing has. */
const UNUSED = 999_999
const UNCHANGED = 2 ** 32 - 1
const RUNS = process.env['ROOTFERRY_LONG'] === '1' ? 3_000 : 150

interface Operation {
  call: keyof PathCalls
  directory: 'top' | 'below'
  name: Name
  other: Name
  number: number
}

/** An operation in one of the two trees: `at` is its directory, `elsewhere` that of the second name. */
interface Performance extends Omit<Operation, 'call' | 'directory'> {
  paths: PathCalls
  at: number
  elsewhere: number
}

const PERFORMED: { [Call in keyof PathCalls]: (operation: Performance) => unknown } = {
  open({ paths, at, name, number }) {
    const flags = choice(OPENINGS, number) | O_NOFOLLOW
    const descriptor = paths.open(at, name, flags, 0o644)
    if ((flags & O_RDWR) !== 0) fs.writeSync(descriptor, 'x'.repeat(number % 7))
    const status = told(paths.statusOf(descriptor))
    paths.close(descriptor)
    return status
  },
  close: ({ paths }) => paths.close(UNUSED),
  status: ({ paths, at, name }) => told(paths.status(at, name)),
  statusIfAny({ paths, at, name }) {
    const status = paths.statusIfAny(at, name)
    return status === null ? null : told(status)
  },
  statusOf: ({ paths, at, number }) => told(paths.statusOf(number % 5 === 0 ? UNUSED : at)),
  list: ({ paths, at, name }) => [...paths.list(at, name)].flat().sort((one, next) => byText(one.name, next.name)),
  makeDirectory: ({ paths, at, name }) => paths.makeDirectory(at, name, 0o755),
  rename: (operation) => rename(operation, choice(MANNERS, operation.number)),
  unlink: ({ paths, at, name }) => paths.unlink(at, name),
  removeDirectory: ({ paths, at, name }) => paths.removeDirectory(at, name),
  link: ({ paths, at, name, elsewhere, other }) => paths.link(at, name, elsewhere, other),
  symlink: ({ paths, at, name, other }) => paths.symlink(other, at, name),
  readLink: ({ paths, at, name }) => paths.readLink(at, name),
  setTimes({ paths, at, name, number }) {
    const instant = { seconds: number - 2_000, nanoseconds: (number % 1_000) * 1_000_000 }
    const isOnlyOne = number % 3 === 0
    try {
      paths.setTimes(at, name, isOnlyOne ? null : instant, instant)
    } catch (error) {
      if (errorCode(error) !== 'ENOSYS') throw error
      paths.setTimes(at, name, instant, instant)
    }
  },
  setOwner({ paths, at, name, number }) {
    const [uid = UNCHANGED, gid = UNCHANGED] = choice(
      [[], [process.getuid?.()], [UNCHANGED, process.getgid?.()]],
      number,
    )
    paths.setOwner(at, name, uid, gid)
  },
  setMode: ({ paths, at, name, number }) => paths.setMode(at, name, number),
  filesystem({ paths, at }) {
    const { type, blockBytes, blocks } = paths.filesystem(at)
    return { type, blockBytes, blocks }
  },
}
const CALLS = Object.keys(PERFORMED) as (keyof PathCalls)[]

const name: fc.Arbitrary<Name> = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom<Name>('a', 'b', 'c', 'd', 'd', 'ü', 'x'.repeat(255)) },
  { weight: 1, arbitrary: fc.constantFrom<Name>('', '.', '..', 'a/b', 'a\0', 'x'.repeat(256), 'ü'.repeat(200)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 4 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 5 }) },
)
const operation: fc.Arbitrary<Operation> = fc.record({
  call: fc.oneof(
    fc.constantFrom(...CALLS),
    fc.constantFrom('open', 'rename', 'makeDirectory', 'link', 'symlink', 'readLink'),
  ),
  directory: fc.constantFrom('top', 'below'),
  name,
  other: name,
  number: fc.integer({ min: 0, max: 0o7777 }),
})

/** Chance rarely unlinks what is there: each call is done once so that it succeeds. */
const EACH_ONCE: Operation[] = (
  [
    ['open', 'a'],
    ['status', 'a'],
    ['statusIfAny', 'a'],
    ['statusOf', 'a'],
    ['link', 'a'],
    ['setTimes', 'a'],
    ['setOwner', 'a'],
    ['setMode', 'a'],
    ['unlink', 'b'],
    ['rename', 'a'],
    ['symlink', 'c'],
    ['readLink', 'c'],
    ['makeDirectory', 'ü'],
    ['list', 'ü'],
    ['removeDirectory', 'ü'],
    ['filesystem', 'a'],
  ] as const
).map(([call, name]) => ({ call, directory: 'top', name, other: 'b', number: 0o600 }))

test('libc and portable do the same and say the same, whatever is done', () => {
  const [one, other] = [libc().paths, portableCalls().paths]
  const succeeded = new Set<string>()
  fc.assert(
    fc.property(fc.array(operation, { minLength: 5, maxLength: 40 }), (operations) => {
      using left = new Driven(one)
      using right = new Driven(other)
      for (const each of operations) {
        const [said, expected] = [left.perform(each), right.perform(each)]
        assert.deepEqual(said, expected, `${each.call} ${String(each.name)} ${String(each.other)} ${each.number}`)
        if ('value' in said) succeeded.add(each.call)
      }
      assert.deepEqual(left.picture(), right.picture())
    }),
    { numRuns: RUNS, examples: [[EACH_ONCE]] },
  )
  // Only a wrong descriptor is closed by itself.
  assert.deepEqual([...succeeded, 'close'].sort(), CALLS.toSorted())
})

/** A tree with a directory `d`, and an implementation that works in it. */
class Driven implements Disposable {
  readonly #place = new TemporaryDirectory()
  readonly #paths: PathCalls
  readonly #below: number

  constructor(paths: PathCalls) {
    this.#paths = paths
    fs.mkdirSync(this.#place.at('d'))
    this.#below = paths.open(this.#place.descriptor, 'd', O_RDONLY | O_DIRECTORY)
  }

  perform({ call, directory, ...rest }: Operation): { value: unknown } | { code: string } {
    const at = directory === 'top' ? this.#place.descriptor : this.#below
    const elsewhere = rest.number % 2 === 0 ? at : this.#below
    try {
      return { value: PERFORMED[call]({ paths: this.#paths, at, elsewhere, ...rest }) }
    } catch (error) {
      const code = errorCode(error)
      if (code === null || code === 'ERR_ASSERTION') throw error
      return { code }
    }
  }

  picture(): unknown[] {
    const seen: unknown[] = []
    for (const directory of [this.#place.descriptor, this.#below]) {
      // The directory may have been removed.
      if (this.#paths.statusOf(directory).links === 0) continue
      const names = [...this.#paths.list(directory, '.')].flat().map((entry) => entry.name)
      for (const each of names.sort(byText)) seen.push([String(each), told(this.#paths.status(directory, each))])
    }
    return seen
  }

  [Symbol.dispose](): void {
    this.#paths.close(this.#below)
    this.#place[Symbol.dispose]()
  }
}

/** The manners that portable refuses are done in steps there, with the kernel's errors in the kernel's order. */
function rename({ paths, at, name, elsewhere, other, number }: Performance, manner: (typeof MANNERS)[number]): void {
  const to = manner === 'exchange' ? at : elsewhere
  try {
    return paths.rename(at, name, to, other, manner)
  } catch (error) {
    if (errorCode(error) !== 'ENOSYS') throw error
  }
  if (isItself(name)) throw systemError(EBUSY, 'rename')
  if (isItself(other)) throw systemError(manner === 'no-replace' ? EEXIST : EBUSY, 'rename')
  paths.status(at, name)
  if (manner === 'no-replace') {
    if (paths.statusIfAny(to, other) !== null) throw systemError(EEXIST, 'rename')
    return paths.rename(at, name, to, other, 'replace')
  }
  paths.status(at, other)
  if (Buffer.from(name).equals(Buffer.from(other))) return
  const aside = `aside ${number}`
  paths.rename(at, name, at, aside, 'replace')
  paths.rename(at, other, at, name, 'replace')
  paths.rename(at, aside, at, other, 'replace')
}

function isItself(name: Name): boolean {
  return Buffer.from(name).equals(Buffer.from('.'))
}

function choice<Value>(values: readonly Value[], number: number): Value {
  return values[number % values.length] as Value
}

function byText(one: Name, other: Name): number {
  return String(one) < String(other) ? -1 : 1
}

/** The part of a status that must be equal in two trees: times only where they were set. */
function told(status: Status): unknown {
  const { kind, mode, uid, gid, size, links, device, mtimeSeconds, mtimeNanoseconds } = status
  const wasSet = mtimeSeconds < 1_000_000
  const mtime = wasSet ? [mtimeSeconds, Math.round(mtimeNanoseconds / 1_000)] : null
  return { kind, mode, uid, gid, size: kind === 'directory' ? 0 : size, links, device, mtime }
}
