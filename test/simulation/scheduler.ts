/**
 * Time and turns of a simulated farm: one queue of events, each of which belongs to a process.
 *
 * INVARIANT: between two events everything that the first one started has come to rest (microtasks and next ticks are
 * drained), so everything in between belongs to the process of that event. An event of a process that has died is
 * dropped. Time passes with each next event, and with the cost of disk calls (`spend`).
 */
import type { Chance } from './random.ts'

/** Thrown by a call of a dead process; no code of the process sees it. */
export class Killed extends Error {
  override name = 'Killed'
}

/** A process, or a thread of one: the unit that dies as a whole. */
export class Process {
  readonly name: string
  readonly machine: object
  readonly parent: Process | null
  isDead = false
  /** Called when it dies, for whatever reason. */
  readonly atDeath: (() => void)[] = []
  /** Called with an error that no code of the process caught; the process is dead then. */
  onError: (error: unknown) => void = () => undefined
  /** Called with an error that ended one of its threads. */
  onThreadError: (error: unknown) => void = () => undefined

  constructor(name: string, machine: object, parent: Process | null = null) {
    this.name = name
    this.machine = machine
    this.parent = parent
    parent?.atDeath.push(() => this.kill())
  }

  /** The process itself, or the process that this thread belongs to. */
  get whole(): Process {
    return this.parent === null ? this : this.parent.whole
  }

  kill(): void {
    if (this.isDead) return
    this.isDead = true
    for (const act of this.atDeath) act()
  }
}

export interface Timer {
  due: number
  order: number
  owner: Process | null
  act: () => void
  isCancelled: boolean
}

const realImmediate = globalThis.setImmediate

export class Scheduler {
  /** Milliseconds since the simulation began. */
  now = 0
  current: Process | null = null
  /** Events carried out so far. */
  turns = 0
  readonly #heap: Timer[] = []
  #orders = 0
  readonly #chance: Chance

  constructor(chance: Chance) {
    this.#chance = chance
  }

  /** Time passes during the present event. */
  spend(ms: number): void {
    this.now += ms
  }

  /** @param owner null: the event belongs to no process and happens in any case */
  after(ms: number, owner: Process | null, act: () => void): Timer {
    const timer = { due: this.now + ms, order: this.#orders, owner, act, isCancelled: false }
    this.#orders += 1
    this.#push(timer)
    return timer
  }

  /** A short time that differs with every call. */
  soon(most: number): number {
    return this.#chance.between(0, most)
  }

  /** Carries out the next event. @returns false when there is none before `until` */
  async turn(until: number): Promise<boolean> {
    const next = this.#pop(until)
    if (next === null) {
      this.now = Math.max(this.now, until)
      return false
    }
    this.now = Math.max(this.now, next.due)
    this.turns += 1
    await this.run(next.owner, next.act)
    return true
  }

  /** Runs `act` as the process now, and waits until the process rests. */
  async run(owner: Process | null, act: () => void): Promise<void> {
    this.current = owner
    try {
      act()
    } catch (error) {
      this.failed(error)
    }
    await new Promise((resolve) => realImmediate(resolve))
    this.current = null
  }

  /** The present event failed with an error that was not caught. */
  failed(error: unknown): void {
    const { current } = this
    if (current === null) throw error
    if (current.isDead || current.whole.isDead) return
    current.kill()
    current.onError(error)
  }

  #pop(until: number): Timer | null {
    for (let first = this.#heap[0]; first !== undefined && first.due <= until; first = this.#heap[0]) {
      this.#removeFirst()
      if (!first.isCancelled && first.owner?.isDead !== true) return first
    }
    return null
  }

  #push(timer: Timer): void {
    const heap = this.#heap
    let at = heap.push(timer) - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || !isBefore(timer, parent)) break
      heap[at] = parent
      at = above
    }
    heap[at] = timer
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      const [left, right] = [heap[below], heap[below + 1]]
      if (left !== undefined && right !== undefined && isBefore(right, left)) below += 1
      const child = heap[below]
      if (child === undefined || !isBefore(child, last)) break
      heap[at] = child
      at = below
    }
    heap[at] = last
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order)
}
