/**
 * A worker thread that is started again when it dies, after a pause that grows (see RestartPace).
 *
 *   opening ──noteOpened──▶ open ──exit──▶ down ──pause──▶ opening again
 *      └──refused, exit──▶ ended
 *
 * The first start shows whether anything is wrong with the configuration: when it fails, the worker ends for good, and
 * `opened` rejects with the reason. Later starts are repeated for ever. Knows nothing of the meaning of messages.
 */
import type { Worker } from 'node:worker_threads'
import { RestartPace } from './backoff.ts'
import { EXIT, Failure } from './failure.ts'
import { startThread } from './spare-thread.ts'

export interface RestartedWorkerParts<FromWorker> {
  entry: URL
  /** `root shop`: the name of the thread in messages. */
  name: string
  /** Cloned at each start. */
  data: object
  message(message: FromWorker): void
  /** The worker threw an error that it did not catch. `down` follows. */
  threw(error: unknown): void
  /** The worker is gone. It is started again, unless it is being closed or has never opened. */
  down(isFinal: boolean): void
}

export class RestartedWorker<ToWorker extends object, FromWorker> {
  readonly #parts: RestartedWorkerParts<FromWorker>
  readonly #pace = new RestartPace()
  readonly #opened = Promise.withResolvers<void>()
  /** Resolves with the present life of the worker. */
  #closed = Promise.withResolvers<void>()
  #worker: Worker
  #startedAtMs = 0
  #hasOpened = false
  #isDown = false
  #isClosing = false

  constructor(parts: RestartedWorkerParts<FromWorker>) {
    this.#parts = parts
    // Callers that wait for it receive the failure; while there is none, the failure must not end the process.
    this.#opened.promise.catch(nothing)
    this.#worker = this.#start()
  }

  /** Resolves when the worker has opened for the first time. @throws Failure when it cannot */
  get opened(): Promise<void> {
    return this.#opened.promise
  }

  /** Between the death of a worker and the next start. */
  get isDown(): boolean {
    return this.#isDown
  }

  post(message: ToWorker, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer)
  }

  /** Called when the worker is open. @returns whether it was open before, in an earlier life */
  noteOpened(): boolean {
    const wasOpen = this.#hasOpened
    this.#hasOpened = true
    this.#opened.resolve()
    return wasOpen
  }

  /** Called when the worker cannot open, and ends. @returns whether it is started again */
  noteRefused(failure: Failure): boolean {
    if (this.#hasOpened) return true
    this.#isClosing = true
    this.#opened.reject(failure)
    return false
  }

  /** Called when the worker has closed. */
  noteClosed(): void {
    this.#closed.resolve()
  }

  /** Sends farewell, waits until the worker has closed or died, and ends it. */
  async close(farewell: ToWorker): Promise<void> {
    this.#isClosing = true
    if (!this.#isDown) this.post(farewell)
    await this.#closed.promise
    await this.#worker.terminate()
  }

  #start(): Worker {
    this.#startedAtMs = performance.now()
    this.#closed = Promise.withResolvers()
    const { entry, name, data } = this.#parts
    const worker = startThread(entry, name, data)
    worker.on('message', (message: FromWorker) => this.#parts.message(message))
    worker.on('error', (error) => this.#parts.threw(error))
    worker.on('exit', () => this.#exited())
    return worker
  }

  #exited(): void {
    this.#isDown = true
    if (!this.#hasOpened && !this.#isClosing) {
      this.#isClosing = true
      this.#opened.reject(new Failure(EXIT.failed, `${this.#parts.name}: its thread died while starting`))
    }
    this.#closed.resolve()
    this.#parts.down(this.#isClosing)
    if (!this.#isClosing) setTimeout(() => this.#startAgain(), this.#pace.next(performance.now() - this.#startedAtMs))
  }

  #startAgain(): void {
    if (this.#isClosing) return
    this.#isDown = false
    this.#worker = this.#start()
  }
}

function nothing(): void {
  return
}
