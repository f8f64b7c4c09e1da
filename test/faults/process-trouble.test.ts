/**
 * The process is short of descriptors or memory, or a filesystem does not answer: what that keeps a daemon from seeing or
 * doing is tried again by time. No path is called unreadable, missing, changed or extraneous for it, nothing that is there
 * is made anew, and no hint or restart is needed afterwards.
 *
 * The kernel refuses every call of some kinds in a daemon that runs, with each of these errors. The suite takes a sample
 * that ROOTFERRY_SEED selects; ROOTFERRY_LONG=1 takes every error at every kind of call.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Daemon } from '../../packages/host/src/daemon/daemon-process.ts'
import { Daemons } from '../support/daemons.ts'
import { resync } from '../support/resync-orders.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'
import { refusals, refusing, straceIsMissing } from './strace.ts'

const SEED = Number(process.env['ROOTFERRY_SEED'] ?? Math.floor(Math.random() * 1_000))
const IS_LONG = process.env['ROOTFERRY_LONG'] === '1'
const ERRORS = ['EMFILE', 'ENFILE', 'ENOMEM', 'EIO', 'ESTALE'] as const

const READING = {
  open: ['openat'],
  status: ['statx', 'newfstatat'],
  list: ['getdents64'],
  link: ['readlink', 'readlinkat'],
  read: ['pread64'],
}
const WRITING = {
  open: ['openat'],
  status: ['statx', 'newfstatat'],
  make: ['mkdir', 'mkdirat', 'symlink', 'symlinkat'],
  place: ['rename', 'renameat', 'renameat2', 'link', 'linkat'],
  remove: ['unlink', 'unlinkat', 'rmdir'],
  times: ['utimensat'],
  mode: ['fchmod', 'chmod', 'fchmodat'],
  list: ['getdents64'],
}
/** Lines of either log that call a path something that it is not, or a fault of the program. */
const VERDICTS = /cannot be synchronized|cannot be made right|extraneous|thread of a root failed|a session failed/
/** A problem that is shown as what it is, and passes. */
const SHOWN = 'io-error'
/** The docroot of a filesystem that does not answer is unavailable, that of a process without descriptors is not. */
const UNAVAILABLE = /root is unavailable/
const OF_PROCESS: readonly string[] = ['EMFILE', 'ENFILE', 'ENOMEM']

const absent = straceIsMissing()

function makeTree(source: string): void {
  for (const directory of ['d/below', 'kept']) mkdirSync(join(source, directory), { recursive: true })
  for (const name of ['changed', 'moved', 'gone', 'below/file']) writeFileSync(join(source, 'd', name), `first ${name}`)
  for (let number = 0; number < 20; number += 1) writeFileSync(join(source, 'kept', `${number}`), `${number}`)
  symlinkSync('first', join(source, 'd/link'))
}

/** Every kind of change, each time to another state. */
function change(source: string, round: number): void {
  const at = (path: string) => join(source, path)
  writeFileSync(at('d/changed'), `content of round ${round}`)
  writeFileSync(at(`d/new-${round}`), `made in round ${round}`)
  mkdirSync(at(`e${round}/inner`), { recursive: true })
  writeFileSync(at(`e${round}/inner/file`), `${round}`)
  renameSync(at(round % 2 === 0 ? 'd/moved' : 'd/away'), at(round % 2 === 0 ? 'd/away' : 'd/moved'))
  rmSync(at('d/link'))
  symlinkSync(`round ${round}`, at('d/link'))
  rmSync(at(round === 0 ? 'd/gone' : `d/new-${round - 1}`))
}

/** The sample: every kind of call with one error, or with all of them. */
function cases(kinds: Record<string, string[]>): { kind: string; syscalls: string[]; error: string }[] {
  return Object.entries(kinds).flatMap(([kind, syscalls], position) =>
    ERRORS.filter((_, number) => IS_LONG || number === (SEED + position) % ERRORS.length).map((error) => ({
      kind,
      syscalls,
      error,
    })),
  )
}

/** Inodes of what nobody has touched. */
const untouched = (target: string) =>
  Array.from({ length: 20 }, (_, number) => statSync(join(target, 'kept', `${number}`)).ino)

// What is done about an error does not depend on how the system is called.
const WAYS = process.env['ROOTFERRY_LONG'] === '1' ? (['libc', 'portable'] as const) : (['libc'] as const)

for (const systemCalls of WAYS) {
  test(`trouble of the agent's process or filesystem passes by itself (${systemCalls})`, async (t) => {
    if (absent !== null) return t.skip(absent)
    await onTree({ systemCalls }, async (site, daemons) => {
      const agent = () => daemons.agent
      for (const [round, one] of cases(READING).entries()) {
        t.diagnostic(`${one.error} at ${one.kind} (seed ${SEED})`)
        const path = one.kind === 'read' ? join(site.source, 'd/changed') : null
        await through(site, daemons, agent, { ...one, path }, () => change(site.source, round))
      }
    })
  })
}

test('trouble of the receiver passes by itself, amid commits and comparisons', async (t) => {
  if (absent !== null) return t.skip(absent)
  await onTree({}, async (site, daemons) => {
    const receiver = () => daemons.receivers[0] ?? null
    for (const [round, one] of cases(WRITING).entries()) {
      t.diagnostic(`${one.error} at ${one.kind} (seed ${SEED})`)
      let compared: ReturnType<typeof resync> | null = null
      await through(site, daemons, receiver, { ...one, path: null }, () => {
        if (one.kind === 'list') compared = resync(daemons, { check: 'content' })
        else change(site.source, round)
      })
      const found = (await (compared as ReturnType<typeof resync> | null))?.receivers['web1']
      const { state, missing, changed, extraneous } = found ?? { state: 'done', missing: 0, changed: 0, extraneous: 0 }
      assert.deepEqual(
        { state, missing, changed, extraneous },
        { state: 'done', missing: 0, changed: 0, extraneous: 0 },
      )
    }
  })
})

async function onTree(agentConfig: object, run: (site: Site, daemons: Daemons) => Promise<void>): Promise<void> {
  await using daemons = new Daemons({ receivers: 1, agentConfig })
  const site = await Site.on(daemons, { prepare: makeTree, root: { watch: { backend: 'directory' } } })
  await site.converged()
  await run(site, daemons)
}

/** Refuses calls while `act` changes something, until one was refused, and some time more. */
async function through(
  site: Site,
  daemons: Daemons,
  daemon: () => Daemon | null,
  fault: { kind: string; syscalls: string[]; path: string | null; error: string },
  act: () => void,
): Promise<void> {
  const at = `${fault.error} at ${fault.kind}, seed ${SEED}`
  const [target = ''] = site.targets
  const before = untouched(target)
  const log = join(daemons.place, 'calls.log')
  const running = daemon()
  assert.ok(running !== null)
  daemons.logs.length = 0
  {
    await using _ = await refusing(running, log, fault)
    act()
    await until(
      () => refusals(log) > 0,
      () => `${at}: no call was refused`,
    )
    // What was refused has been tried again, and every answer to a question is as before.
    const seen = refusals(log)
    await until(
      async () => {
        const problems = (await site.root())?.problems.filter(({ code }) => code !== SHOWN)
        assert.deepEqual(problems, [], at)
        return refusals(log) > seen
      },
      () => `${at}: it was not tried again`,
      60_000,
    )
  }
  await site.converged(90_000)
  await until(
    async () => (await site.root())?.problems.length === 0,
    async () => JSON.stringify((await site.root())?.problems),
  )
  const isOfProcess = OF_PROCESS.includes(fault.error)
  const isWrong = (msg: string) => VERDICTS.test(msg) || (isOfProcess && UNAVAILABLE.test(msg))
  const verdicts = daemons.logs
    .filter(({ msg, code }) => isWrong(msg) && (isOfProcess || code !== SHOWN))
    .map((line) => JSON.stringify(line))
  assert.deepEqual(verdicts, [], at)
  assert.deepEqual(untouched(target), before, at)
  assert.equal(
    readFileSync(join(target, 'd/changed'), 'utf8'),
    readFileSync(join(site.source, 'd/changed'), 'utf8'),
    at,
  )
  assert.equal((await daemons.status()).receivers[0]?.lastError ?? null, null, at)
}
