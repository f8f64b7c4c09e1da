/**
 * The commands that run after commits: never two of one hook at a time, and never in the way of a commit.
 *
 *   paths ─▶ waiting ─ none is running ─▶ command, waiting paths on stdin ─▶ exit logged ─▶ again if more are waiting
 *
 * A command is an argument vector that no shell parses; paths go to its stdin, each ended by a NUL, and nowhere else.
 * So no file name can be taken for an option or a command. Its environment is made here and holds no token of this
 * process. This process has umask 0. The command gets its umask from a shell that then becomes the command, because a
 * umask belongs to a whole process with all its threads.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Logger } from '@rootferry/host/daemon'
import { plainMessage, printable } from '@rootferry/host/machine'

export interface Hook {
  /** gitignore lines: a commit of a matching path runs the command. */
  match: readonly string[]
  command: readonly string[]
  timeoutSeconds: number
}

/** Paths that wait for a command that is still running; its environment says how many more there were. */
export const MOST_PATHS = 10_000
const MOST_OUTPUT = 4_096
const LAST_WAIT_MS = 5_000
/** Exit codes of a shell that cannot become the command. */
const NOT_STARTED = new Set([126, 127])
const SEARCH_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export interface HookSetting {
  root: string
  path: string
  umask: number
}

interface Lane {
  readonly hook: Hook
  waiting: Set<string>
  omitted: number
  running: ChildProcess | null
}

export class Hooks {
  readonly #lanes: readonly Lane[]
  readonly #setting: HookSetting
  readonly #log: Logger
  #isClosed = false

  constructor(hooks: readonly Hook[], setting: HookSetting, log: Logger) {
    this.#lanes = hooks.map((hook) => ({ hook, waiting: new Set(), omitted: 0, running: null }))
    this.#setting = setting
    this.#log = log
  }

  /** A commit changed these paths, which match the hook of that number. */
  committed(number: number, paths: readonly string[]): void {
    const lane = this.#lanes[number]
    if (lane === undefined) return
    for (const path of paths) {
      if (lane.waiting.size < MOST_PATHS || lane.waiting.has(path)) lane.waiting.add(path)
      else lane.omitted += 1
    }
    this.#next(lane)
  }

  /** Starts no more commands, and gives running ones a moment to end. */
  async close(): Promise<void> {
    this.#isClosed = true
    const running = this.#lanes.flatMap(({ running }) => (running === null ? [] : [running]))
    await Promise.all(
      running.map(async (child) => {
        const timer = setTimeout(() => child.kill('SIGKILL'), LAST_WAIT_MS)
        await once(child, 'close')
        clearTimeout(timer)
      }),
    )
  }

  #next(lane: Lane): void {
    if (lane.running !== null || lane.waiting.size === 0 || this.#isClosed) return
    const { waiting, omitted, hook } = lane
    lane.waiting = new Set()
    lane.omitted = 0
    const { root, path, umask } = this.#setting
    const child = spawn('/bin/sh', ['-c', 'umask "$0" && exec "$@"', umask.toString(8), ...hook.command], {
      cwd: '/',
      env: {
        PATH: SEARCH_PATH,
        LANG: 'C.UTF-8',
        ROOTFERRY_ROOT: root,
        ROOTFERRY_PATH: path,
        ROOTFERRY_OMITTED: String(omitted),
      },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: hook.timeoutSeconds * 1_000,
      killSignal: 'SIGKILL',
    })
    lane.running = child
    this.#follow(lane, child, waiting)
  }

  #follow(lane: Lane, child: ChildProcess, paths: ReadonlySet<string>): void {
    const began = performance.now()
    const said = { output: '' }
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        said.output = (said.output + text).slice(0, MOST_OUTPUT)
      })
    }
    // A command need not read its stdin.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end([...paths].map((path) => `${path}\0`).join(''))
    let fault: string | null = null
    child.on('error', (error) => {
      fault = plainMessage(error)
    })
    child.on('close', (code, signal) => {
      const ms = Math.round(performance.now() - began)
      const details = {
        command: lane.hook.command.join(' '),
        paths: paths.size,
        code,
        signal,
        ms,
        output: printable(said.output),
      }
      if (code === 0) this.#log.info(details, 'hook ran')
      else if (fault !== null) this.#log.error({ ...details, error: fault }, 'hook could not be started')
      else if (NOT_STARTED.has(code ?? 0)) this.#log.error(details, 'hook could not be started')
      else if (signal !== null)
        this.#log.error(details, 'hook was killed: it took too long, or the receiver is stopping')
      else this.#log.error(details, 'hook failed')
      lane.running = null
      this.#next(lane)
    })
  }
}
