/**
 * One suite for every backend: an owner that knows the disk by hints alone must come to know the real disk.
 *
 * After each operation the owner's picture must become equal to a walk of the real tree, or the test fails at the
 * owner's deadline. The tests never assert which hints came, only that they were enough.
 */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { errorCode } from '@rootferry/host/machine'
import fc from 'fast-check'
import { Owner } from '../../../test-support/watching-owner.ts'

const BACKENDS = ['chokidar', 'directory', 'inotify', 'polling'] as const

/** By name: the objects that exist before, and the operation on them. */
const OPERATIONS: Record<string, { before?: (owner: Owner) => void; change: (owner: Owner) => void }> = {
  'a file is created': { change: (owner) => owner.write('new') },
  'a file is written anew': {
    before: (owner) => owner.write('f'),
    change: (owner) => owner.write('f', 'longer than before'),
  },
  'a file is appended to': {
    before: (owner) => owner.write('f'),
    change: (owner) => fs.appendFileSync(owner.at('f'), 'x'),
  },
  'a file is truncated': { before: (owner) => owner.write('d/f'), change: (owner) => fs.truncateSync(owner.at('d/f')) },
  'a mode changes': { before: (owner) => owner.write('d/f'), change: (owner) => fs.chmodSync(owner.at('d/f'), 0o600) },
  'a file is touched': {
    before: (owner) => owner.write('d/f'),
    change: (owner) => fs.utimesSync(owner.at('d/f'), 1, 1),
  },
  "a directory's mode changes": {
    before: (owner) => owner.write('d/f'),
    change: (owner) => fs.chmodSync(owner.at('d'), 0o700),
  },
  "the root's own mode and time change": {
    change: (owner) => {
      fs.chmodSync(owner.rootPath, 0o711)
      fs.utimesSync(owner.rootPath, 1, 1)
    },
  },
  'a file is rewritten with the same size and time': {
    before: (owner) => {
      owner.write('f', 'one')
      fs.utimesSync(owner.at('f'), 1_000, 1_000)
    },
    change: (owner) => {
      owner.write('f', 'two')
      fs.utimesSync(owner.at('f'), 1_000, 1_000)
    },
  },
  'a file is renamed in its directory': {
    before: (owner) => owner.write('d/f'),
    change: (owner) => fs.renameSync(owner.at('d/f'), owner.at('d/g')),
  },
  'a file is renamed into another directory': {
    before: (owner) => {
      owner.write('a/f')
      owner.write('b/other')
    },
    change: (owner) => fs.renameSync(owner.at('a/f'), owner.at('b/f')),
  },
  'a file is moved out of the tree': {
    before: (owner) => owner.write('d/f'),
    change: (owner) => fs.renameSync(owner.at('d/f'), owner.outside),
  },
  'a file is moved into the tree': {
    before: (owner) => fs.writeFileSync(owner.outside, 'from elsewhere'),
    change: (owner) => fs.renameSync(owner.outside, owner.at('f')),
  },
  'a file is renamed over another': {
    before: (owner) => {
      owner.write('d/f')
      owner.write('d/g')
    },
    change: (owner) => fs.renameSync(owner.at('d/f'), owner.at('d/g')),
  },
  'a file is deleted': { before: (owner) => owner.write('d/f'), change: (owner) => fs.rmSync(owner.at('d/f')) },
  'nested directories are made with files at once': {
    change: (owner) => {
      for (const path of ['a/b/c/one', 'a/b/c/two', 'a/b/three', 'a/four']) owner.write(path)
    },
  },
  'a directory is moved within the tree': {
    before: (owner) => owner.write('a/deep/er/f'),
    change: (owner) => fs.renameSync(owner.at('a'), owner.at('b')),
  },
  'a directory is moved out of the tree': {
    before: (owner) => owner.write('a/deep/er/f'),
    change: (owner) => fs.renameSync(owner.at('a'), owner.outside),
  },
  'a directory is moved into the tree': {
    before: (owner) => fs.mkdirSync(join(owner.outside, 'deep/er'), { recursive: true }),
    change: (owner) => fs.renameSync(owner.outside, owner.at('a')),
  },
  'a directory is renamed and its old name made again': {
    before: (owner) => owner.write('a/f'),
    change: (owner) => {
      fs.renameSync(owner.at('a'), owner.at('b'))
      owner.write('a/g')
    },
  },
  'a directory is moved away and back': {
    before: (owner) => owner.write('a/b/f'),
    change: (owner) => {
      fs.renameSync(owner.at('a'), owner.at('t'))
      owner.write('t/b/g')
      fs.renameSync(owner.at('t'), owner.at('a'))
    },
  },
  'two directories swap their names': {
    before: (owner) => {
      owner.write('a/sub/f')
      owner.write('b/sub/g')
    },
    change: (owner) => {
      fs.renameSync(owner.at('a'), owner.at('t'))
      fs.renameSync(owner.at('b'), owner.at('a'))
      fs.renameSync(owner.at('t'), owner.at('b'))
    },
  },
  'a tree is deleted and made again at once': {
    before: (owner) => owner.write('a/b/f'),
    change: (owner) => {
      fs.rmSync(owner.at('a'), { recursive: true })
      owner.write('a/b/f', 'another one')
      owner.write('a/b/g')
    },
  },
  'a directory becomes a file and a file a directory': {
    before: (owner) => {
      owner.write('a/f')
      owner.write('b')
    },
    change: (owner) => {
      fs.rmSync(owner.at('a'), { recursive: true })
      fs.rmSync(owner.at('b'))
      owner.write('a')
      owner.write('b/f')
    },
  },
  'a symlink is made': { change: (owner) => fs.symlinkSync('nowhere', owner.at('link')) },
  'a symlink gets another target': {
    before: (owner) => fs.symlinkSync('one', owner.at('link')),
    change: (owner) => {
      fs.symlinkSync('two', owner.at('link.new'))
      fs.renameSync(owner.at('link.new'), owner.at('link'))
    },
  },
  'a name is excluded, and only its directory is dated by it': {
    before: (owner) => owner.write('d/f'),
    change: (owner) => owner.write('d/access.log'),
  },
  'names are strange': {
    change: (owner) => {
      for (const name of STRANGE_NAMES) {
        owner.write(name)
        owner.write(`in ${name.slice(0, 80)}/${name}`)
      }
    },
  },
  'a name is not valid UTF-8': {
    before: (owner) => owner.write('d/f'),
    change: (owner) => fs.writeFileSync(Buffer.concat([Buffer.from(owner.at('d/a')), Buffer.from([0xff])]), ''),
  },
  'two thousand files are made in a burst': {
    change: (owner) => {
      for (let file = 0; file < 2_000; file += 1) owner.write(`d${file % 40}/s${file % 3}/f${file}`)
    },
  },
}

const STRANGE_NAMES = [
  'line\nbreak',
  '"quoted" \'name\'',
  '-rf',
  ' spaces at both ends ',
  'x'.repeat(255),
  'Ünïcödé 日本語 🦊',
  'tab\tand\u001b[31mescape',
  '*?[x]',
  '...',
  'back\\slash',
  '%2e%2e',
]

for (const backend of BACKENDS) {
  describe(`the ${backend} watcher`, () => {
    for (const [what, { before, change }] of Object.entries(OPERATIONS)) {
      it(`hints enough when ${what}`, async () => {
        await using owner = await Owner.of(backend, before)
        await owner.knows()
        change(owner)
        await owner.knows()
      })
    }

    it('hints at what is written later to what was made while it watched', async () => {
      await using owner = await Owner.of(backend)
      owner.write('a/b/c/f')
      await owner.knows()
      owner.write('a/b/c/f', 'later')
      owner.write('a/b/c/g')
      await owner.knows()
      fs.renameSync(owner.at('a/b'), owner.at('moved'))
      await owner.knows()
      owner.write('moved/c/f', 'later still')
      await owner.knows()
    })

    it('hints at nothing below an excluded directory', async () => {
      await using owner = await Owner.of(backend, (one) => one.write('cache/old'))
      owner.write('cache/old', 'new content')
      owner.write('cache/deep/new')
      owner.write('site/cache/x')
      owner.write('.rootferry/staging/x')
      owner.write('marker')
      await owner.hinted('marker')
      await owner.knows()
      const told = owner.hints.map((hint) => hint.path).filter((path) => /cache\/|rootferry/.test(path))
      assert.deepEqual(told, [])
    })

    it('watches where a root leads that is a symlink', async () => {
      await using owner = new Owner(backend, true)
      owner.write('d/f')
      await owner.watch()
      owner.write('d/f', 'changed')
      owner.write('d/e/g')
      await owner.knows()
      fs.chmodSync(owner.rootPath, 0o711)
      await owner.knows()
    })

    it('hints at the root when the root itself is moved away', async () => {
      await using owner = await Owner.of(backend)
      await owner.knows()
      owner.hints.length = 0
      fs.renameSync(owner.rootPath, owner.outside)
      await owner.hinted('.')
    })

    it('still hears of every directory after a storm of operations', async () => {
      const operations = fc.array(operation, { minLength: 20, maxLength: 60 })
      await fc.assert(
        fc.asyncProperty(operations, async (storm) => {
          await using owner = await Owner.of(backend, (one) => {
            for (const path of ['a/a/f', 'a/b/g', 'b/a/f', 'b/b/g']) one.write(path)
          })
          for (const step of storm) {
            attempt(owner, step)
            if (step.breathes) await nextTurn()
          }
          await owner.knows()
          for (const directory of directoriesOf(owner.rootPath)) fs.writeFileSync(join(directory, 'after'), 'the storm')
          await owner.knows()
        }),
        // Each attempt at shrinking would wait for the deadline.
        { numRuns: 15, endOnFailure: true },
      )
    })

    it('can be closed while it starts', async () => {
      await using owner = new Owner(backend)
      owner.write('a/b/c')
      const starting = owner.watcher.start()
      await owner.watcher.close()
      await starting
    })

    // chokidar tells of what it watches itself in an order of its own.
    if (backend === 'directory' || backend === 'inotify')
      it('knows when its hints have caught up with the disk', async () => {
        await using owner = await Owner.of(backend, (it) => it.write('d/f'))
        const paths = Array.from({ length: 200 }, (_, number) => `d/${number}`)
        for (const path of paths) owner.write(path)
        await owner.watcher.caughtUp()
        const hinted = new Set(owner.hints.map((hint) => hint.path))
        assert.deepEqual(
          paths.filter((path) => !hinted.has(path)),
          [],
        )
      })

    it('does not wait for hints when it is closed', async () => {
      await using owner = await Owner.of(backend)
      const before = owner.watcher.caughtUp()
      await owner.watcher.close()
      await Promise.all([before, owner.watcher.caughtUp()])
    })

    it('hints at nothing more when it is closed', async () => {
      await using owner = await Owner.of(backend)
      owner.write('f')
      await owner.knows()
      await owner.watcher.close()
      await owner.watcher.close()
      owner.hints.length = 0
      owner.write('g')
      for (let turn = 0; turn < 20; turn += 1) await nextTurn()
      assert.deepEqual(owner.hints, [])
      assert.equal(owner.watcher.watchedDirectories, 0)
    })
  })
}

interface Operation {
  what: 'write' | 'rewrite' | 'delete' | 'move' | 'remake'
  from: string
  to: string
  /** Whether the event loop gets a turn afterwards. */
  breathes: boolean
}

const place = fc.constantFrom('a', 'b', 'a/a', 'a/b', 'b/a', 'b/b', 'a/a/a', 'b/b/b')
const operation: fc.Arbitrary<Operation> = fc.record({
  what: fc.constantFrom('write', 'rewrite', 'delete', 'move', 'remake'),
  from: place,
  to: place,
  breathes: fc.boolean(),
})

/** An operation that is impossible at the moment is skipped: the storm is random. */
function attempt(owner: Owner, { what, from, to }: Operation): void {
  const impossible = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'EEXIST', 'ENOTEMPTY', 'EINVAL'])
  try {
    if (what === 'write') owner.write(`${from}/f`, to)
    if (what === 'rewrite') fs.appendFileSync(owner.at(`${from}/f`), to)
    if (what === 'move') fs.renameSync(owner.at(from), owner.at(to))
    if (what === 'delete' || what === 'remake') fs.rmSync(owner.at(from), { recursive: true })
    if (what === 'remake') owner.write(`${from}/f`, to)
  } catch (error) {
    if (!impossible.has(errorCode(error) ?? '')) throw error
  }
}

function directoriesOf(rootPath: string): string[] {
  const below = fs.readdirSync(rootPath, { recursive: true, withFileTypes: true })
  return [rootPath, ...below.filter((item) => item.isDirectory()).map((item) => join(item.parentPath, item.name))]
}
