/**
 * Both implementations, driven through the same random operations in trees of their own: results and errors are equal.
 */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { libc, TemporaryDirectory } from '../../../test-support/temporary-directory.ts'
import { portableCalls } from '../choose-system-calls.ts'
import { errorCode } from '../failure.ts'
import type { Name, PathCalls, Status } from './system-calls.ts'

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_DIRECTORY } = fs.constants
const RUNS = process.env['ROOTFERRY_LONG'] === '1' ? 3_000 : 300

interface Operation {
  call: (typeof CALLS)[number]
  directory: 'top' | 'below'
  name: Name
  other: Name
  number: number
}

const CALLS = [
  'open',
  'status',
  'statusIfAny',
  'list',
  'makeDirectory',
  'rename',
  'unlink',
  'removeDirectory',
  'link',
  'symlink',
  'readLink',
  'setTimes',
  'setOwner',
  'setMode',
] as const

const name: fc.Arbitrary<Name> = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom<Name>('a', 'b', 'c', 'd', 'd', 'ü', 'x'.repeat(255)) },
  { weight: 1, arbitrary: fc.constantFrom<Name>('', '.', '..', 'a/b', 'a\0', 'x'.repeat(256), 'ü'.repeat(200)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 4 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 5 }) },
)
const operation: fc.Arbitrary<Operation> = fc.record({
  call: fc.constantFrom(...CALLS),
  directory: fc.constantFrom('top', 'below'),
  name,
  other: name,
  number: fc.integer({ min: 0, max: 0o7777 }),
})

test('libc and portable do the same and say the same, whatever is done', () => {
  const [one, other] = [libc().paths, portableCalls().paths]
  fc.assert(
    fc.property(fc.array(operation, { minLength: 5, maxLength: 40 }), (operations) => {
      using left = new Driven(one)
      using right = new Driven(other)
      for (const each of operations) {
        const [said, expected] = [left.perform(each), right.perform(each)]
        assert.deepEqual(said, expected, `${each.call} ${String(each.name)} ${String(each.other)}`)
      }
      assert.deepEqual(left.picture(), right.picture())
    }),
    { numRuns: RUNS },
  )
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

  perform(operation: Operation): unknown {
    try {
      return { value: this.#call(operation) }
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
      const names = this.#paths.list(directory, '.').map((entry) => entry.name)
      for (const each of names.sort(byText)) seen.push([String(each), told(this.#paths.status(directory, each))])
    }
    return seen
  }

  [Symbol.dispose](): void {
    this.#paths.close(this.#below)
    this.#place[Symbol.dispose]()
  }

  #call({ call, directory, name, other, number }: Operation): unknown {
    const at = directory === 'top' ? this.#place.descriptor : this.#below
    const elsewhere = number % 2 === 0 ? at : this.#below
    const paths = this.#paths
    const instant = { seconds: number - 2_000, nanoseconds: (number % 1_000) * 1_000_000 }
    switch (call) {
      case 'open':
        return paths.close(
          paths.open(at, name, O_WRONLY | O_CREAT | O_NOFOLLOW | (number % 2 === 0 ? O_EXCL : 0), 0o644),
        )
      case 'status':
        return told(paths.status(at, name))
      case 'statusIfAny': {
        const status = paths.statusIfAny(at, name)
        return status === null ? null : told(status)
      }
      case 'list':
        return paths.list(at, name).sort((one, next) => byText(one.name, next.name))
      case 'makeDirectory':
        return paths.makeDirectory(at, name, 0o755)
      case 'rename':
        return paths.rename(at, name, elsewhere, other, 'replace')
      case 'unlink':
        return paths.unlink(at, name)
      case 'removeDirectory':
        return paths.removeDirectory(at, name)
      case 'link':
        return paths.link(at, name, elsewhere, other)
      case 'symlink':
        return paths.symlink(other, at, name)
      case 'readLink':
        return paths.readLink(at, name)
      case 'setTimes':
        return paths.setTimes(at, name, instant, instant)
      case 'setOwner':
        return paths.setOwner(at, name, 2 ** 32 - 1, 2 ** 32 - 1)
      case 'setMode':
        return paths.setMode(at, name, number)
    }
  }
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
