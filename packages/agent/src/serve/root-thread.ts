/**
 * The main thread's end of a root's thread: requests with answers, and the events that the thread sends.
 *
 * When a thread dies, its open requests are refused, and it is started again after a pause, longer each time; `lost`
 * tells the feed to close its sessions, whose receivers come back by themselves.
 */

import { Worker } from 'node:worker_threads'
import type { Logger } from '@rootferry/host/daemon'
import { collectGarbage, EXIT, errorCode, errorMessage, Failure, Refusal, RestartPace } from '@rootferry/host/machine'
import type { FromRoot, RootOptions, RootRequests, RootStatus, ToRoot } from '../root-messages.ts'
import { ROOT_WORKER } from '../root-worker-url.ts'

export interface RootThreadEvents {
  advanced(head: number, seenMs: number): void
  status(status: RootStatus): void
  scanned(tookMs: number): void
  /** All sessions are void. */
  lost(why: string): void
  /** There is no thread for a while. */
  down(why: string): void
}

/**
 * Enough for the garbage of one batch; the default would let the young space grow to several times that and keep it.
 */
const YOUNG_MEGABYTES = 16

interface Waiting {
  resolve(value: never): void
  reject(error: Error): void
}

export class RootThread {
  readonly #options: RootOptions
  readonly #events: RootThreadEvents
  readonly #log: Logger
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker
  #nextId = 1
  readonly #pace = new RestartPace()
  #startedAtMs = 0
  #closing = false
  /** Between the death of a thread and the start of the next. */
  #isDown = false
  #hasStarted = false
  #lastFailure = 'its thread died, and is being restarted'
  #closed = Promise.withResolvers<void>()
  #started = Promise.withResolvers<void>()

  constructor(options: RootOptions, events: RootThreadEvents, log: Logger) {
    this.#options = options
    this.#events = events
    this.#log = log
    this.#worker = this.#start()
  }

  /** Resolves when the thread has opened its index. @throws Failure when it cannot */
  get started(): Promise<void> {
    return this.#started.promise
  }

  /** @throws Refusal when the root has no answer: it is unavailable, the plan was released, or the thread died */
  ask<Name extends keyof RootRequests>(
    type: Name,
    request: RootRequests[Name]['takes'],
  ): Promise<RootRequests[Name]['answers']> {
    if (this.#isDown) return Promise.reject(new Refusal('the root is being restarted'))
    const id = this.#nextId++
    const { promise, resolve, reject } = Promise.withResolvers<RootRequests[Name]['answers']>()
    this.#waiting.set(id, { resolve, reject })
    this.#worker.postMessage({ type, id, ...request })
    return promise
  }

  tell(message: Exclude<ToRoot, { id: number }>): void {
    this.#worker.postMessage(message, message.type === 'recycle' ? [message.memory] : [])
  }

  async close(): Promise<void> {
    this.#closing = true
    this.tell({ type: 'close' })
    await this.#closed.promise
    await this.#worker.terminate()
  }

  #start(): Worker {
    this.#startedAtMs = performance.now()
    const worker = new Worker(ROOT_WORKER, {
      workerData: this.#options,
      name: `root ${this.#options.name}`,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEGABYTES },
    })
    worker.on('message', (message: FromRoot) => this.#take(message))
    worker.on('error', (error) => {
      const where = errorCode(error) === 'ERR_SQLITE_ERROR' ? `the index in ${this.#options.stateDir}: ` : ''
      this.#lastFailure = `its thread died (${where}${errorMessage(error)}), and is being restarted`
      this.#log.error({ root: this.#options.name, err: error }, 'thread of a root failed')
    })
    worker.on('exit', () => this.#ended())
    return worker
  }

  #take(message: FromRoot): void {
    switch (message.type) {
      case 'answer':
      case 'refusal':
      case 'fault':
        return this.#settle(message)
      case 'advanced':
        this.#hasStarted = true
        this.#started.resolve()
        return this.#events.advanced(message.head, message.seenMs)
      case 'status':
        return this.#events.status(message.status)
      case 'scanned':
        return this.#events.scanned(message.tookMs)
      case 'log':
        this.#log[message.level]({ root: this.#options.name, ...message.details }, message.message)
        return
      case 'failed':
        return this.#failed(new Failure(message.exitCode, `root ${this.#options.name}: ${message.message}`))
      case 'interrupted':
        return this.#events.lost('the root was opened anew')
      case 'rested':
        return collectGarbage()
      case 'closed':
        return this.#closed.resolve()
    }
  }

  /**
   * The first start shows whether anything is wrong with the configuration; later starts are repeated until one
   * succeeds.
   */
  #failed(failure: Failure): void {
    this.#lastFailure = failure.message
    if (this.#hasStarted) {
      this.#log.error({ root: this.#options.name, error: failure.message }, 'a root cannot be opened, trying again')
      return
    }
    this.#closing = true
    this.#started.reject(failure)
  }

  #settle(message: Extract<FromRoot, { id: number }>): void {
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if (message.type === 'answer') waiting?.resolve(message.value as never)
    else if (message.type === 'refusal') waiting?.reject(new Refusal(message.message))
    else waiting?.reject(Object.assign(new Error(message.message), { stack: message.stack }))
  }

  #ended(): void {
    this.#isDown = true
    this.#closed.resolve()
    for (const { reject } of this.#waiting.values()) reject(new Refusal('the root is being restarted'))
    this.#waiting.clear()
    if (this.#closing) return
    this.#started.reject(new Failure(EXIT.failed, `root ${this.#options.name}: its thread died while starting`))
    this.#events.down(this.#lastFailure)
    this.#lastFailure = 'its thread died, and is being restarted'
    setTimeout(
      () => {
        if (this.#closing) return
        this.#isDown = false
        this.#worker = this.#start()
      },
      this.#pace.next(performance.now() - this.#startedAtMs),
    )
  }
}
