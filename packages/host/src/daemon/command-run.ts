/**
 * One run of a command from a configuration: a process group of its own, which is killed as a whole.
 *
 * The exit of the command itself ends the run. Processes that it leaves behind may keep its output open for as long as
 * they like: after a moment nobody reads it any more. A command is an argument vector that no shell parses; paths go to
 * its stdin, each ended by a NUL, and nowhere else. So no file name can be taken for an option or a command. Its
 * environment is made here and holds no token of this process. This process has umask 0. The command gets its umask from
 * a shell that then becomes the command, because a umask belongs to a whole process with all its threads.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { errorCode, plainMessage } from '../machine/failure.ts'
import { printable } from '../machine/printable.ts'

export interface RunOptions {
  command: readonly string[]
  paths: readonly string[]
  /** ROOTFERRY_… */
  environment: Record<string, string>
  umask: number
  timeoutSeconds: number
}

export interface RunResult {
  code: number | null
  signal: string | null
  ms: number
  output: string
  /** Why the run failed, in a few words; null: it ended well. */
  failure: string | null
}

const MOST_OUTPUT = 4_096
/** How long the output of a command that has ended is still read. */
const LAST_OUTPUT_MS = 250
/** Exit codes of a shell that cannot become the command. */
const NOT_STARTED = new Set([126, 127])
const SEARCH_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export class CommandRun {
  readonly #child: ChildProcess
  readonly #beganAtMs = performance.now()
  #output = ''
  #killedBecause: string | null = null
  /** Never rejects. */
  readonly ended: Promise<RunResult>

  constructor({ command, paths, environment, umask, timeoutSeconds }: RunOptions) {
    this.#child = spawn('/bin/sh', ['-c', 'umask "$1" && shift && exec "$@"', 'hook', umask.toString(8), ...command], {
      cwd: '/',
      env: { PATH: SEARCH_PATH, LANG: 'C.UTF-8', ...environment },
      stdio: ['pipe', 'pipe', 'pipe'],
      // It leads a process group of its own.
      detached: true,
    })
    const { stdin, stdout, stderr } = this.#child
    for (const stream of [stdout, stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(0, MOST_OUTPUT)
      })
    }
    // A command need not read its stdin.
    stdin?.on('error', () => undefined)
    stdin?.end(paths.map((path) => `${path}\0`).join(''))
    const timer = setTimeout(() => this.kill('it took too long'), timeoutSeconds * 1_000)
    this.ended = this.#end().finally(() => clearTimeout(timer))
  }

  /** Kills the command with everything that it has started in its group. */
  kill(why: string): void {
    const { pid, exitCode, signalCode } = this.#child
    if (pid === undefined || exitCode !== null || signalCode !== null) return
    this.#killedBecause ??= why
    try {
      process.kill(-pid, 'SIGKILL')
    } catch (error) {
      if (errorCode(error) !== 'ESRCH') throw error
    }
  }

  async #end(): Promise<RunResult> {
    const child = this.#child
    const { promise, resolve } = Promise.withResolvers<Pick<RunResult, 'code' | 'signal' | 'failure'>>()
    child.on('error', (error) => resolve({ code: null, signal: null, failure: notStarted(plainMessage(error)) }))
    child.on('exit', (code, signal) => resolve({ code, signal, failure: this.#failure(code, signal) }))
    const result = await promise
    await this.#lastOutput()
    const ms = Math.round(performance.now() - this.#beganAtMs)
    return { ...result, ms, output: printable(this.#output) }
  }

  #failure(code: number | null, signal: string | null): string | null {
    if (signal !== null) return `was killed: ${this.#killedBecause ?? signal}`
    if (code === 0) return null
    return NOT_STARTED.has(code ?? 0) ? notStarted(`exit code ${code}`) : `failed: exit code ${code}`
  }

  async #lastOutput(): Promise<void> {
    const { stdin, stdout, stderr } = this.#child
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#child.on('close', () => resolve())
    const timer = setTimeout(resolve, LAST_OUTPUT_MS)
    await promise
    clearTimeout(timer)
    for (const stream of [stdin, stdout, stderr]) stream?.destroy()
  }
}

function notStarted(why: string): string {
  return `could not be started: ${why}`
}
