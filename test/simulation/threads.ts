/**
 * node:worker_threads for code under simulation: a root's thread is a process within its process. Messages between the
 * two are cloned, keep their order, and come in a turn of their own.
 *
 * processes.ts registers what an entry file would run: a real thread loads its file once, a simulation has thousands of
 * threads.
 */
import { EventEmitter } from 'node:events'
import { farm, presentProcess } from './farm.ts'
import { Process } from './scheduler.ts'

type Body = (port: Port, data: unknown) => void

const bodies = new Map<string, Body>()
const MOST_START_MS = 2

/** @param entry a part of the entry file's path */
export function registerThread(entry: string, body: Body): void {
  bodies.set(entry, body)
}

/** One end of a thread's port. Messages that come before there is a listener wait. */
export class Port extends EventEmitter {
  readonly thread: Process
  readonly #toMain: (message: unknown) => void
  readonly #exit: () => void
  readonly #early: unknown[] = []

  constructor(thread: Process, toMain: (message: unknown) => void, exit: () => void) {
    super()
    this.thread = thread
    this.#toMain = toMain
    this.#exit = exit
    this.on('newListener', () => {
      for (const message of this.#early.splice(0)) this.deliver(message)
    })
  }

  deliver(message: unknown): void {
    farm().scheduler.after(0, this.thread, () => {
      if (!this.emit('message', message)) this.#early.push(message)
    })
  }

  postMessage(message: object, transfer: readonly ArrayBuffer[] = []): void {
    if (!this.thread.isDead) this.#toMain(structuredClone(message, { transfer: [...transfer] }))
  }

  close(): void {
    farm().scheduler.after(0, this.thread, () => {
      this.thread.kill()
      this.#exit()
    })
  }
}

export class Worker extends EventEmitter {
  readonly #thread: Process
  readonly #port: Port
  readonly #main: Process

  constructor(entry: URL, options: { workerData: unknown }) {
    super()
    const main = presentProcess()
    if (main === null) throw new Error('a thread outside of any process')
    const body = [...bodies].find(([path]) => entry.pathname.includes(path))?.[1]
    if (body === undefined) throw new Error(`nothing is known of ${entry.pathname}`)
    this.#main = main
    this.#thread = new Process(`${main.name} thread`, main.machine, main)
    this.#port = new Port(
      this.#thread,
      (message) => this.#later(() => this.emit('message', message)),
      () => this.#later(() => this.emit('exit', 0)),
    )
    this.#thread.onError = (error) => {
      main.onThreadError(error)
      this.#later(() => {
        this.emit('error', error)
        this.emit('exit', 1)
      })
    }
    const data: unknown = structuredClone(options.workerData)
    const { scheduler } = farm()
    scheduler.after(scheduler.soon(MOST_START_MS), this.#thread, () => body(this.#port, data))
  }

  postMessage(message: object, transfer: readonly ArrayBuffer[] = []): void {
    this.#port.deliver(structuredClone(message, { transfer: [...transfer] }))
  }

  terminate(): Promise<number> {
    this.#thread.kill()
    return Promise.resolve(0)
  }

  #later(act: () => void): void {
    farm().scheduler.after(0, this.#main, act)
  }
}

/** null, because code under simulation always counts as the main thread. */
export const parentPort = null
export const workerData = null
