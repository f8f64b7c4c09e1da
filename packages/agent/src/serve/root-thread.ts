/**
 * The main thread's end of a root's thread: requests with answers, and the events that the thread reports.
 *
 * When a thread dies, its open requests are refused, and it is started again after a pause (see RestartedWorker).
 * `lost` and `down` tell the feed to close its sessions, whose receivers come back by themselves.
 */

import type { Logger } from '@rootferry/host/daemon'
import { collectGarbage, errorMessage, Failure, Refusal, RestartedWorker, sqliteCode } from '@rootferry/host/machine'
import type { FromRoot, RootGate, RootOptions, RootRequests, RootStatus, ToRoot } from '../root-messages.ts'
import { ROOT_WORKER } from '../root-worker-url.ts'
import { ThreadWatch } from './thread-watch.ts'

export interface RootThreadEvents {
  advanced(head: number, seenMs: number): void
  status(status: RootStatus): void
  gate(gate: RootGate): void
  round(from: number, to: number): void
  scanned(tookMs: number): void
  /** All sessions are void. */
  lost(why: string): void
  /** There is no thread for a while. */
  down(why: string): void
}

interface Waiting {
  resolve(value: never): void
  reject(error: Error): void
}

const DIED = 'its thread died, and is being restarted'

export class RootThread {
  readonly #options: RootOptions
  readonly #events: RootThreadEvents
  readonly #log: Logger
  readonly #waiting = new Map<number, Waiting>()
  readonly #worker: RestartedWorker<ToRoot, FromRoot>
  #nextId = 1
  #lastFailure = DIED
  readonly #watch: ThreadWatch
  /** The last one that the thread has reported, and why it is not true now; null: it is. */
  #status: RootStatus | null = null
  #stuck: string | null = null

  constructor(options: RootOptions, events: RootThreadEvents, log: Logger) {
    this.#options = options
    this.#events = events
    this.#log = log
    this.#worker = new RestartedWorker({
      entry: ROOT_WORKER,
      name: `root ${options.name}`,
      data: options,
      message: (message) => this.#receive(message),
      threw: (error) => this.#threw(error),
      down: (isFinal) => this.#down(isFinal),
    })
    this.#watch = new ThreadWatch({
      ask: () => this.ask('alive', {}),
      nowMs: () => performance.now(),
      stuck: (sinceMs) => this.#isStuck(sinceMs),
      answers: () => this.#answers(),
    })
    this.#watch.start()
  }

  /** What the thread reported last, or that it does not answer. */
  #tellStatus(): void {
    if (this.#status === null) return
    const stuck = this.#stuck === null ? {} : ({ state: 'unavailable', reason: this.#stuck } as const)
    this.#events.status({ ...this.#status, ...stuck })
  }

  #isStuck(sinceMs: number): void {
    const since = new Date(Date.now() - (performance.now() - sinceMs)).toISOString()
    this.#stuck = `its thread has not answered since ${since}: it may wait for a disk or a network filesystem`
    this.#log.error({ since }, 'the thread of a root does not answer')
    this.#tellStatus()
  }

  #answers(): void {
    this.#stuck = null
    this.#log.warn('the thread of a root answers again')
    this.#tellStatus()
  }

  /** Resolves when the thread has opened its index. @throws Failure when it cannot */
  get started(): Promise<void> {
    return this.#worker.opened
  }

  /** @throws Refusal when the root has no answer: it is unavailable, the plan was released, or the thread died */
  ask<Name extends keyof RootRequests>(
    type: Name,
    request: RootRequests[Name]['takes'],
  ): Promise<RootRequests[Name]['answers']> {
    if (this.#worker.isDown) return Promise.reject(new Refusal('the root is being restarted'))
    const id = this.#nextId++
    const { promise, resolve, reject } = Promise.withResolvers<RootRequests[Name]['answers']>()
    this.#waiting.set(id, { resolve, reject })
    this.#worker.post({ type, id, ...request } as ToRoot)
    return promise
  }

  tell(message: Exclude<ToRoot, { id: number }>): void {
    this.#worker.post(message, message.type === 'recycle' ? [message.memory] : [])
  }

  /** @param forGood whether the root is not served any more */
  close(forGood = false): Promise<void> {
    this.#watch.stop()
    return this.#worker.close({ type: 'close', forGood })
  }

  #receive(message: FromRoot): void {
    switch (message.type) {
      case 'answer':
      case 'refusal':
      case 'fault':
        return this.#answered(message)
      case 'advanced':
        this.#worker.noteOpened()
        return this.#events.advanced(message.head, message.seenMs)
      case 'status':
        this.#status = message.status
        return this.#tellStatus()
      case 'gate':
        return this.#events.gate(message.gate)
      case 'round':
        return this.#events.round(message.from, message.to)
      case 'scanned':
        return this.#events.scanned(message.tookMs)
      case 'log':
        this.#log[message.level](message.details, message.message)
        return
      case 'failed':
        return this.#refused(new Failure(message.exitCode, `root ${this.#options.name}: ${message.message}`))
      case 'interrupted':
        return this.#events.lost('the root was opened anew')
      case 'rested':
        return collectGarbage()
      case 'closed':
        return this.#worker.noteClosed()
    }
  }

  #refused(failure: Failure): void {
    this.#lastFailure = failure.message
    const isRetried = this.#worker.noteRefused(failure)
    if (isRetried) this.#log.error({ error: failure.message }, 'a root cannot be opened, trying again')
  }

  #answered(message: Extract<FromRoot, { id: number }>): void {
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if (message.type === 'answer') waiting?.resolve(message.value as never)
    else if (message.type === 'refusal') waiting?.reject(new Refusal(message.message))
    else waiting?.reject(Object.assign(new Error(message.message), { stack: message.stack }))
  }

  #threw(error: unknown): void {
    const where = sqliteCode(error) === null ? '' : `the index in ${this.#options.stateDir}: `
    this.#lastFailure = `its thread died (${where}${errorMessage(error)}), and is being restarted`
    this.#log.error({ err: error }, 'thread of a root failed')
  }

  #down(isFinal: boolean): void {
    for (const { reject } of this.#waiting.values()) reject(new Refusal('the root is being restarted'))
    this.#waiting.clear()
    this.#stuck = null
    if (isFinal) return
    this.#events.down(this.#lastFailure)
    this.#lastFailure = DIED
  }
}
