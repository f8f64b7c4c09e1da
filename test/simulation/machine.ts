/**
 * A machine of the simulated farm: its disk, its clock, and the faults that its disk calls meet.
 *
 * Every disk call of a process goes through `step`, where a process is killed between two calls, a disk is full, or a
 * call simply takes its time.
 */
import { Disk, type DiskOptions } from './disk.ts'
import type { Chance } from './random.ts'
import { Killed, type Process, type Scheduler } from './scheduler.ts'

/** The effect of a call on the disk: none, a change that needs no room, or a change that needs room. */
export type Effect = 'reads' | 'changes' | 'allocates'

/** 2027-01-15, far from any edge. */
const BEGINNING_MS = 1_800_000_000_000
/** How long a fault has effects after its end. */
const AFTERMATH_MS = 5_000

export class Machine {
  readonly name: string
  readonly disk: Disk
  readonly chance: Chance
  readonly #scheduler: Scheduler
  /** How far the wall clock is off. */
  clockSkewMs = 0
  /** Changes of the disk, and commits of databases, until the process that makes them is killed; null: never. */
  stepsToDeath: number | null = null
  /** No call that needs room succeeds. */
  isFull = false
  /** The filesystem says that no more than its reserve is free; calls that need room succeed. */
  isTight = false
  /** A system error that the next changing call meets, once. */
  nextFault: string | null = null
  /** The most milliseconds that a call takes. */
  mostCallMs = 0
  boots = 0
  #bootedAt = 0
  #troubledUntil = 0

  constructor(name: string, scheduler: Scheduler, chance: Chance, options: Omit<DiskOptions, 'clock'>) {
    this.name = name
    this.chance = chance
    this.#scheduler = scheduler
    this.disk = new Disk({ ...options, clock: () => this.wallClock() })
    this.boot()
  }

  /** Whether its disk has a fault, or had one a moment ago. */
  get isInTrouble(): boolean {
    return this.isFull || this.#scheduler.now < this.#troubledUntil
  }

  /** Ends all faults. The clock stays as it is. */
  recover(): void {
    this.#troubledUntil = this.#scheduler.now + AFTERMATH_MS
    this.isFull = false
    this.isTight = false
    this.nextFault = null
    this.stepsToDeath = null
  }

  wallClock(): number {
    return BEGINNING_MS + this.#scheduler.now + this.clockSkewMs
  }

  sinceBootMs(): number {
    return this.#scheduler.now - this.#bootedAt
  }

  boot(): void {
    this.boots += 1
    this.#bootedAt = this.#scheduler.now
    this.disk.put('/proc/sys/kernel/random/boot_id', `boot-${this.boots}\n`)
  }

  /** A call of the present process. @returns the code of a system error that it meets, or null */
  step(effect: Effect): string | null {
    const process = this.#scheduler.current
    if (process === null) return null
    if (process.isDead) throw new Killed()
    if (this.mostCallMs > 0) this.#scheduler.spend(this.chance.between(0, this.mostCallMs))
    if (effect === 'reads') return null
    this.#countDown(process)
    this.disk.begin()
    const fault = this.nextFault
    this.nextFault = null
    if (fault !== null) {
      this.#troubledUntil = this.#scheduler.now + AFTERMATH_MS
      return fault
    }
    return effect === 'allocates' && this.isFull ? 'ENOSPC' : null
  }

  #countDown(process: Process): void {
    if (this.stepsToDeath === null) return
    this.stepsToDeath -= 1
    if (this.stepsToDeath > 0) return
    this.stepsToDeath = null
    process.whole.kill()
    throw new Killed()
  }
}
