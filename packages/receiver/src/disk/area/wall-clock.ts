/**
 * How far the wall clock was set forward, found out by the clock that counts from the start of the machine.
 *
 *   <state directory>/clock   what both clocks showed when this was last asked
 *
 * A wrong clock must not make what was thrown away yesterday look a year old. How long a machine was off nobody can
 * tell from how far its clock was set, so at most a day of that counts as time that has passed.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { errorCode } from '@rootferry/host/machine'

const DAY_MS = 86_400_000
/** Clocks that are kept right are moved by less. */
const NOTEWORTHY_MS = 60_000
const MODE = 0o600

export interface Clocks {
  /** Milliseconds since 1970. */
  now(): number
  /** Milliseconds since the machine was started. */
  sinceBoot(): number
  /** Another text after each start of the machine. */
  bootId: string
}

interface Reading {
  wall: number
  up: number
  bootId: string
}

export class WallClock {
  readonly #file: string
  readonly #clocks: Clocks
  #last: Reading | null = null

  constructor(file: string, clocks: Clocks) {
    this.#file = file
    this.#clocks = clocks
  }

  now(): number {
    return this.#clocks.now()
  }

  /** Milliseconds by which the clock was set forward since the last call, also of an earlier process; else 0. */
  setForwardMs(): number {
    const { bootId } = this.#clocks
    const present = { wall: this.#clocks.now(), up: this.#clocks.sinceBoot(), bootId }
    const last = this.#last ?? this.#read()
    this.#last = present
    this.#write(present)
    if (last === null) return 0
    const isSameBoot = last.bootId === bootId && present.up >= last.up
    const passed = isSameBoot ? present.up - last.up : present.up + DAY_MS
    const ahead = present.wall - last.wall - passed
    return ahead < NOTEWORTHY_MS ? 0 : ahead
  }

  #read(): Reading | null {
    try {
      const { wall, up, bootId } = JSON.parse(readFileSync(this.#file, 'utf8')) as Partial<Reading>
      return typeof wall === 'number' && typeof up === 'number' && typeof bootId === 'string'
        ? { wall, up, bootId }
        : null
    } catch (error) {
      // It is not there yet, or a crash cut it short.
      if (error instanceof SyntaxError || errorCode(error) !== null) return null
      throw error
    }
  }

  /** A disk that is full now lets the next process know an earlier reading, which is as good. */
  #write(reading: Reading): void {
    try {
      writeFileSync(this.#file, JSON.stringify(reading), { mode: MODE })
    } catch (error) {
      if (errorCode(error) === null) throw error
    }
  }
}
