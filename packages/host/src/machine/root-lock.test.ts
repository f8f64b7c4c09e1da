/**
 * Roots that equal, contain or lie in each other are told apart from neighbours, whichever comes first, across
 * namespaces and mounts, and a stranger cannot block them. Other processes are real; a case that needs a privilege is
 * skipped without it.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Failure } from './failure.ts'
import { directoriesAbove, RootLock, type RootRole } from './root-lock.ts'

const place = realpathSync(mkdtempSync(join(tmpdir(), 'rootferry-lock-')))
after(() => rmSync(place, { recursive: true, force: true }))
chmodSync(place, 0o755)
const PRIVILEGED =
  statSync('/proc/self').uid === 0 && spawnSync('unshare', ['-mnpf', '--mount-proc', 'true']).status === 0
const NOBODY = 65_534

let systemCalls: 'auto' | 'portable' = 'auto'

const at = (...names: string[]) => {
  const path = join(place, ...names)
  mkdirSync(path, { recursive: true })
  return path
}

function lock(path: string, role: RootRole, warnings: string[] = []): RootLock {
  return new RootLock(path, { role, systemCalls, warn: (message) => warnings.push(message) })
}

const refused = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Failure, String(error))
  assert.match(error.message, pattern)
  return true
}

/** A process that holds a root, until it is disposed. */
async function holder(path: string, role: RootRole, wrapper: readonly string[] = []): Promise<AsyncDisposable> {
  const code = `const { RootLock } = await import(${JSON.stringify(join(import.meta.dirname, 'root-lock.ts'))})
    globalThis.lock = new RootLock(${JSON.stringify(path)}, { role: '${role}', systemCalls: '${systemCalls}', warn: console.error })
    console.log('held'); setInterval(() => 0, 1e6)`
  const words = [...wrapper, process.execPath, '--input-type=module', '-e', code, `/rootferry-${role}`]
  return running(spawn(words[0] ?? '', words.slice(1), { stdio: ['ignore', 'pipe', 'inherit'], detached: true }))
}

async function running(child: ChildProcess): Promise<AsyncDisposable> {
  assert.ok(child.stdout !== null)
  await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(([code]) => assert.fail(`exit ${code}`))])
  return {
    [Symbol.asyncDispose]: async () => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      await once(child, 'exit')
    },
  }
}

for (const calls of ['auto', 'portable'] as const) {
  describe(`with system calls ${calls}`, () => {
    before(() => {
      systemCalls = calls
    })
    describe('whichever comes first, the second is refused', () => {
      const ROLES: [RootRole, RootRole][] = [
        ['receiver', 'receiver'],
        ['agent', 'receiver'],
        ['receiver', 'agent'],
        ['agent', 'join'],
      ]
      for (const [first, second] of ROLES) {
        it(`${second} after ${first}: on the same root, inside of it and around it`, () => {
          const [middle, inner, outer] = [at('w/x/y'), at('w/x/y/z/q'), at('w/x')]
          using _ = lock(middle, first)
          for (const path of [middle, inner, outer])
            assert.throws(() => lock(path, second), refused(/is served by/), path)
          lock(at('w/x/beside'), second)[Symbol.dispose]()
          lock(at('w/x/yy'), second)[Symbol.dispose]()
        })
      }

      it('is free again when the first has let go, and nothing was written', () => {
        const path = at('free')
        const before = statSync(path, { bigint: true })
        lock(path, 'receiver')[Symbol.dispose]()
        lock(path, 'receiver')[Symbol.dispose]()
        assert.deepEqual(readdirSync(path), [])
        assert.equal(statSync(path, { bigint: true }).mtimeNs, before.mtimeNs)
      })

      it('through a symlink', () => {
        const path = at('real')
        symlinkSync(path, join(place, `link-${systemCalls}`))
        using _ = lock(path, 'agent')
        assert.throws(() => lock(join(place, `link-${systemCalls}`), 'receiver'), refused(/link-.* is served by/))
      })

      it('is free at once when the holder was killed', async () => {
        const path = at('killed')
        {
          await using _ = await holder(path, 'receiver')
          assert.throws(
            () => lock(path, 'receiver'),
            refused(/another rootferry receiver on this host \(process \d+\)/),
          )
          assert.throws(() => lock(path, 'agent'), refused(/another rootferry receiver on this host/))
        }
        lock(path, 'receiver')[Symbol.dispose]()
      })

      it('agents do not mind each other', async () => {
        await using _ = await holder(at('read'), 'agent')
        lock(at('read'), 'agent')[Symbol.dispose]()
        lock(at('read/inside'), 'agent')[Symbol.dispose]()
      })

      it('a join does not mind a receiver', async () => {
        await using _ = await holder(at('joined'), 'receiver')
        lock(at('joined'), 'join')[Symbol.dispose]()
      })
    })

    describe('namespaces and mounts', () => {
      it('a holder in another network and process namespace is met', async (t) => {
        if (!PRIVILEGED) return t.skip('needs root and namespaces')
        const path = at('spaces/root')
        await using _ = await holder(path, 'receiver', ['unshare', '-mnpf', '--mount-proc'])
        assert.throws(() => lock(path, 'receiver'), refused(/is served by another rootferry receiver/))
        assert.throws(() => lock(at('spaces'), 'agent'), refused(/is served by/))
      })

      it('a holder that cannot be seen is met', async (t) => {
        if (!PRIVILEGED) return t.skip('needs root and namespaces')
        const path = at('unseen')
        using _ = lock(path, 'agent')
        await assert.rejects(holder(path, 'receiver', ['unshare', '-mnpf', '--mount-proc']))
      })

      it('a bind mount of the root, of a part of it, and of what is above it', async (t) => {
        if (!PRIVILEGED) return t.skip('needs root and namespaces')
        const [outer, root, inner, mounted] = [at('b/up'), at('b/up/root'), at('b/up/root/in'), at('mounted')]
        for (const [bound, second] of [
          [root, mounted],
          [inner, mounted],
          [outer, join(mounted, 'root')],
        ] as const) {
          const mount = ['unshare', '-m', 'sh', '-c', `mount --bind "$0" "$1" && shift && exec "$@"`, bound, mounted]
          using _ = lock(root, 'agent')
          await assert.rejects(holder(second, 'receiver', mount), `${bound} at ${second}`)
        }
      })
    })

    describe('a stranger', () => {
      const squat = (path: string) =>
        running(
          spawn('flock', ['-x', path, 'sh', '-c', 'echo held; sleep 1000'], {
            uid: NOBODY,
            gid: NOBODY,
            stdio: ['ignore', 'pipe', 'inherit'],
            detached: true,
          }),
        )

      it('cannot keep a daemon away by locking its root, nor a directory above it', async (t) => {
        if (!PRIVILEGED) return t.skip('needs root and namespaces')
        const path = at('squat/root')
        await using _root = await squat(path)
        await using _above = await squat(at('squat'))
        const warnings: string[] = []
        lock(path, 'receiver', warnings)[Symbol.dispose]()
        assert.deepEqual(warnings.length, 2)
        assert.match(warnings[0] ?? '', /of another user holds a lock/)
        await using _other = await holder(at('squat/beside'), 'receiver')
        lock(path, 'receiver')[Symbol.dispose]()
      })

      it('cannot keep away a confined one either, which may not see what other daemons hold open', async (t) => {
        if (!PRIVILEGED || spawnSync('setpriv', ['--version']).status !== 0) return t.skip('needs root and setpriv')
        const path = at('confined/root')
        const confined = ['setpriv', '--bounding-set', '-all,+dac_override,+dac_read_search', '--inh-caps', '-all']
        await using _other = await holder(at('confined/beside'), 'agent')
        {
          await using _stranger = await squat(path)
          await using _ = await holder(path, 'receiver', confined)
        }
        await using _ours = await holder(path, 'agent')
        await assert.rejects(holder(path, 'receiver', confined))
      })
    })
  })
}

it('directories above are those of every mount in which the root can be seen', () => {
  const mount = (part: string, where: string, device = '8:1') => ({ device, part, place: where, type: 'ext4' })
  const disk = mount('/', '/')
  assert.deepEqual(directoriesAbove('/srv/www/shop', [disk]), ['/srv/www', '/srv'])
  assert.deepEqual(directoriesAbove('/m', [disk, mount('/srv/www/shop', '/m')]), ['/srv/www', '/srv'])
  assert.deepEqual(directoriesAbove('/srv/www/shop', [disk, mount('/srv/www', '/a/b')]), [
    '/srv/www',
    '/srv',
    '/a/b',
    '/a',
  ])
  assert.deepEqual(directoriesAbove('/srv/www/shop', [disk, mount('/', '/srv', '8:2'), mount('/', '/x', '8:2')]), [
    '/srv/www',
    '/srv',
    '/x/www',
    '/x',
  ])
  assert.deepEqual(directoriesAbove('/srv/www', [disk, mount('/srv/ww', '/a')]), ['/srv'])
})
