/** One daemon as a child process: its log lines as events, and an orderly end. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export type LogLine = Record<string, unknown> & { msg: string; level: string }

export class Daemon {
  readonly name: string
  readonly #child: ChildProcess
  readonly #listeners: ((line: LogLine) => void)[] = []
  #errors = ''
  /** Resolves with a sentence when the process ends. */
  readonly ended: Promise<string>

  constructor(
    name: string,
    node: string,
    program: string,
    parameters: string[],
    environment: NodeJS.ProcessEnv,
    spawnOptions: Pick<SpawnOptions, 'uid' | 'gid' | 'detached'> = {},
  ) {
    this.name = name
    this.#child = spawn(node, [program, ...parameters], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: environment,
      ...spawnOptions,
    })
    const { stdout, stderr } = this.#child
    if (stdout !== null) createInterface(stdout).on('line', (line) => this.#take(line))
    stderr?.on('data', (data: Buffer) => {
      this.#errors = (this.#errors + data.toString()).slice(-4_000)
    })
    this.ended = once(this.#child, 'close').then(([code, signal]) => {
      return `${name} ended (${signal ?? `exit code ${code}`})${this.#errors === '' ? '' : `: ${this.#errors.trim()}`}`
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  onLine(listener: (line: LogLine) => void): void {
    this.#listeners.push(listener)
  }

  /** The first log line with this message. @throws Error when the process ends before it */
  async says(message: string): Promise<LogLine> {
    const { promise, resolve, reject } = Promise.withResolvers<LogLine>()
    this.onLine((line) => {
      if (line.msg === message) resolve(line)
    })
    void this.ended.then((how) => reject(new Error(how)))
    return await promise
  }

  /** Ends the process as a crash would; harmless when the process has ended. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.ended
  }

  #take(text: string): void {
    if (!text.startsWith('{')) return
    const line = JSON.parse(text) as LogLine
    for (const listener of this.#listeners) listener(line)
  }
}
