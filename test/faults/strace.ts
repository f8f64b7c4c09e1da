/**
 * Daemons under strace: their system calls, a stop before a chosen call, or the refusal of one.
 *
 * A daemon is stopped by a delay on entry: the call is in the log and has not happened, so that a SIGKILL sent now is a
 * crash right before it. (strace's own `signal=` injection does nothing together with --seccomp-bpf, without which a
 * daemon starts at half the speed.) strace does the counting: per thread, over the calls that match the path.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import type { Daemon } from '../../packages/host/src/daemon/daemon-process.ts'
import { until } from '../support/until.ts'

/** Calls that change something on a disk, or promise that it stays. */
const DURABLE_CALLS = [
  ...['rename', 'renameat', 'renameat2', 'mkdir', 'mkdirat', 'rmdir', 'unlink', 'unlinkat', 'link', 'linkat'],
  ...['symlink', 'symlinkat', 'write', 'pwrite64', 'ftruncate', 'fsync', 'fdatasync', 'sendfile', 'copy_file_range'],
  ...['chmod', 'fchmod', 'fchmodat', 'chown', 'fchown', 'lchown', 'fchownat', 'utimensat'],
]
const STOP_SECONDS = 120
/** More descriptors than a daemon of these tests ever has. */
const MOST_DESCRIPTORS = 100

export interface Call {
  thread: string
  syscall: string
  /** Its arguments as strace prints them: descriptors with their paths. */
  parameters: string
  /** null while it has not returned. */
  result: number | null
}

/** The call that is meant: the `when`-th of its kind that one thread makes. */
export interface Aim {
  syscall: string
  /**
   * Only calls on this path, in which `*` stands for any descriptor, or on a descriptor of it count; null: all calls of
   * this kind.
   */
  path: string | null
  when: number
}

/** Why daemons cannot be run under strace here, or null when they can. */
export function straceIsMissing(): string | null {
  const { status } = spawnSync('strace', ['-D', '-f', '--seccomp-bpf', '-o', '/dev/null', 'true'])
  return status === 0 ? null : 'needs strace (5.3 or newer), and to be allowed to trace'
}

/** @returns a script that runs a program in place of Node, and writes its calls to `log` */
export function tracingRunner(at: string, log: string): string {
  return writeRunner(at, log, DURABLE_CALLS.join(','), ['--seccomp-bpf'], [])
}

/** The same; it also stops before the call. */
export function stoppingRunner(at: string, log: string, aim: Aim): string {
  return writeRunner(
    at,
    log,
    aim.syscall,
    ['--seccomp-bpf'],
    [...pathFilter(aim), ...['-e', `inject=${aim.syscall}:delay_enter=${STOP_SECONDS}s:when=${aim.when}`]],
  )
}

/**
 * The same, but the call that is aimed at fails, and every later call of its kind on that path, until `endTracing`. It
 * runs without --seccomp-bpf, whose filter would stay and answer ENOSYS when no tracer is left.
 */
export function refusingRunner(at: string, log: string, aim: Aim, error: string): string {
  return writeRunner(
    at,
    log,
    aim.syscall,
    ['-I', 'waiting'],
    [...pathFilter(aim), ...['-e', `inject=${aim.syscall}:error=${error}:when=${aim.when}+`]],
  )
}

/** The same, but every call of that kind takes so much longer, on every path, until `endTracing`. */
export function slowRunner(at: string, log: string, syscall: string, delayMs: number): string {
  const delay = `inject=${syscall}:delay_enter=${delayMs * 1_000}`
  return writeRunner(at, log, syscall, ['-I', 'waiting'], ['-e', delay])
}

/**
 * Refuses calls of a daemon that runs, until the end of the scope.
 * @param path only calls on a descriptor of this file; null: all calls of these kinds, in all of its threads
 */
export async function refusing(
  daemon: Daemon,
  log: string,
  { syscalls, path, error }: { syscalls: readonly string[]; path: string | null; error: string },
): Promise<AsyncDisposable> {
  rmSync(log, { force: true })
  const kinds = syscalls.join(',')
  const words = ['-f', '-qq', '-y', '-o', log, '-p', String(daemon.pid), '-e', `trace=${kinds}`]
  const only = path === null ? [] : ['-P', path]
  const tracer = spawn('strace', [...words, ...only, '-e', `inject=${kinds}:error=${error}`], { stdio: 'inherit' })
  const ended = once(tracer, 'exit')
  const isTraced = (thread: string) => /^TracerPid:\s+[1-9]/m.test(statusOf(`${daemon.pid}/task/${thread}`))
  await until(
    () => threadsOf(daemon.pid).every(isTraced),
    () => `strace could not attach to ${daemon.pid}`,
  )
  return {
    async [Symbol.asyncDispose]() {
      // A tracer that ends between the two stops of a refused call would leave ENOSYS, which no kernel answers: it ends
      // when two looks in a row see every thread stopped, and nothing traced in between.
      process.kill(daemon.pid, 'SIGSTOP')
      let before = -1
      await until(
        () => {
          const areStopped = threadsOf(daemon.pid).every((thread) =>
            isStopped(statusOf(`${daemon.pid}/task/${thread}`)),
          )
          const [last, now] = [before, areStopped ? statSync(log).size : -1]
          before = now
          return areStopped && now === last
        },
        () => `${daemon.pid} does not stop`,
      )
      tracer.kill('SIGTERM')
      await ended
      process.kill(daemon.pid, 'SIGCONT')
    },
  }
}

const threadsOf = (pid: number) => readdirSync(`/proc/${pid}/task`)
const isStopped = (status: string) => /^State:\s+[tT]/m.test(status)

/** Ends strace; the daemon continues, and no call is refused any more. */
export function endTracing(daemon: Daemon): void {
  const tracer = tracerOf(daemon)
  if (tracer !== 0) process.kill(tracer, 'SIGTERM')
}

/** How many calls a refusing runner has made fail. */
export function refusals(log: string): number {
  return existsSync(log) ? readFileSync(log, 'latin1').split('(INJECTED)').length - 1 : 0
}

/** strace compares a path as it stands in the call. */
function pathFilter({ path }: Aim): string[] {
  if (path === null) return []
  if (!path.includes('*')) return ['-P', path]
  return Array.from({ length: MOST_DESCRIPTORS }, (_, number) => ['-P', path.replace('*', String(number))]).flat()
}

function writeRunner(at: string, log: string, syscalls: string, how: string[], more: string[]): string {
  rmSync(log, { force: true })
  // -D: the daemon is this script's process and strace its child, so that signals reach the daemon.
  const words = ['strace', '-D', '-f', ...how, '-qq', '-y', '-s', '300', '-o', log]
  const all = [...words, '-e', `trace=${syscalls}`, ...more, process.execPath]
  writeFileSync(at, `#!/bin/sh\nexec ${all.map(quoted).join(' ')} "$@"\n`)
  chmodSync(at, 0o755)
  return at
}

/** @returns the calls in the order in which they began */
export function readCalls(log: string): Call[] {
  if (!existsSync(log)) return []
  const calls: Call[] = []
  for (const line of readFileSync(log, 'latin1').split('\n')) {
    const began = /^(\d+) +(\w+)\((.*)$/.exec(line)
    if (began !== null) {
      const [, thread = '', syscall = '', rest = ''] = began
      const result = /\) += (-?\d+)[^=]*$/.exec(rest)?.[1]
      const parameters = rest.replace(/(?: <unfinished \.\.\.>|\) += -?\d+.*)$/, '')
      calls.push({ thread, syscall, parameters, result: result === undefined ? null : Number(result) })
      continue
    }
    const resumed = /^(\d+) +<\.\.\. (\w+) resumed>.*\) += (-?\d+)/.exec(line)
    if (resumed === null) continue
    const call = calls.findLast(({ thread, syscall }) => thread === resumed[1] && syscall === resumed[2])
    if (call !== undefined) call.result = Number(resumed[3])
  }
  return calls
}

/** The call before which a daemon with a stopping runner stands, once it does. */
export function stoppedAt(log: string, aim: Aim): Call | null {
  const counts = new Map<string, number>()
  for (const call of readCalls(log)) {
    if (call.syscall !== aim.syscall) continue
    const count = (counts.get(call.thread) ?? 0) + 1
    counts.set(call.thread, count)
    if (count === aim.when) return call
  }
  return null
}

/** Kills a daemon that stands before a call, and its strace, which would otherwise wait for the end of the delay. */
export async function killStopped(daemon: Daemon): Promise<void> {
  const tracer = tracerOf(daemon)
  const dead = daemon.kill()
  if (tracer !== 0) process.kill(tracer, 'SIGKILL')
  await dead
}

function tracerOf({ pid }: Daemon): number {
  return Number(/^TracerPid:\s+(\d+)$/m.exec(statusOf(`${pid}`))?.[1] ?? 0)
}

function statusOf(process: string): string {
  return readFileSync(`/proc/${process}/status`, 'latin1')
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}
