/**
 * A machine of the simulated farm: its disk, its clock, and the troubles that its disk calls meet.
 *
 * Every call of a process on it goes through `step`, which is where a process is killed between two calls, a disk is
 * full, or a call simply takes its time.
 */
import { Disk, type DiskOptions } from './disk.ts'
import type { Chance } from './random.ts'
import { Killed, type Process, type Scheduler } from './scheduler.ts'

/** What a call does to the disk: nothing, changes it without new room, or needs room. */
export type Effect = 'reads' | 'changes' | 'allocates'

/** 2027-01-15, far from any edge. */
const BEGINNING_MS = 1_800_000_000_000
/** What still hurts after a trouble is over. */
const AFTERMATH_MS = 5_000

export class Machine {
  readonly name: string
  readonly disk: Disk
  readonly chance: Chance
  readonly #scheduler: Scheduler
  /** What the wall clock is off by. */
  clockSkewMs = 0
  /** Changes of the disk, and commits of databases, until the process that makes them is killed; null: never. */
  stepsToDeath: number | null = null
  /** Nothing that needs room works. */
  isFull = false
  /** A system error that the next changing call meets, once. */
  nextFault: string | null = null
  /** What a call costs at the most, milliseconds. */
  mostCallMs = 0
  boots = 0
  #troubledUntil = 0

  constructor(name: string, scheduler: Scheduler, chance: Chance, options: Omit<DiskOptions, 'clock'>) {
    this.name = name
    this.chance = chance
    this.#scheduler = scheduler
    this.disk = new Disk({ ...options, clock: () => this.wallClock() })
    this.boot()
  }

  /** Something is wrong with its disk, or was a moment ago. */
  get isInTrouble(): boolean {
    return this.isFull || this.#scheduler.now < this.#troubledUntil
  }

  /** Nothing is wrong with it any more. Its clock stays what it is. */
  recover(): void {
    this.#troubledUntil = this.#scheduler.now + AFTERMATH_MS
    this.isFull = false
    this.nextFault = null
    this.stepsToDeath = null
  }

  wallClock(): number {
    return BEGINNING_MS + this.#scheduler.now + this.clockSkewMs
  }

  boot(): void {
    this.boots += 1
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
