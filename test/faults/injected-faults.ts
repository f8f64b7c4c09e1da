/**
 * The faults of a rig in a soak: lines, processes and a disk, each fault for a while, several at a time. Receivers 0
 * and 1 are behind lines, 1 is killed as well, and 2 has the disk that can become full.
 */
import fc from 'fast-check'
import { Line } from '../support/line.ts'
import type { Rig } from '../support/rig.ts'
import type { SmallDisk } from './small-disk.ts'

const KINDS = ['cut', 'block', 'stall', 'throttle', 'mute', 'fill', 'killReceiver', 'killAgent', 'none'] as const
const SLOW_BYTES_A_SECOND = 20_000
const MORTAL = 1
/** Longer than any fault lasts in the suite, so that a long soak has stalls beyond the heartbeat. */
const MOST_EPISODES = process.env['ROOTFERRY_LONG'] === '1' ? 40 : 6

export interface Trouble {
  kind: (typeof KINDS)[number]
  /** The receiver whose line it is. */
  receiver: number
  /** How long it lasts. */
  episodes: number
}

export const trouble: fc.Arbitrary<Trouble> = fc.record({
  kind: fc.constantFrom(...KINDS),
  receiver: fc.nat(1),
  episodes: fc.nat(MOST_EPISODES),
})

export class Troubles implements AsyncDisposable {
  readonly #rig: Rig
  readonly #disk: SmallDisk | null
  readonly #lines: readonly Line[]
  readonly #counts = new Map<string, number>()
  /** The function that repairs each fault, and in how many episodes. */
  readonly #open = new Map<string, { left: number; heal: () => unknown }>()

  private constructor(rig: Rig, disk: SmallDisk | null, lines: readonly Line[]) {
    this.#rig = rig
    this.#disk = disk
    this.#lines = lines
  }

  static async start(rig: Rig, disk: SmallDisk | null): Promise<Troubles> {
    const lines = [await Line.to(rig.agentPort), await Line.to(rig.agentPort)]
    for (const [number, line] of lines.entries()) await rig.redirect(number, line.port)
    return new Troubles(rig, disk, lines)
  }

  /** How often each fault happened. */
  get story(): string {
    return JSON.stringify(Object.fromEntries(this.#counts))
  }

  async strike({ kind, receiver, episodes }: Trouble): Promise<void> {
    const line = this.#lines[receiver]
    const key = kind === 'block' || kind === 'stall' || kind === 'throttle' ? `line ${receiver}` : kind
    if (line === undefined || this.#open.has(key)) return
    const lasts = (heal: () => unknown) => this.#open.set(key, { left: episodes, heal })
    if (kind === 'cut') line.cut()
    else if (kind === 'mute') {
      line.mute()
      lasts(() => line.cut())
    } else if (kind === 'block') {
      line.block()
      lasts(() => line.unblock())
    } else if (kind === 'stall') {
      line.stall()
      lasts(() => line.flow())
    } else if (kind === 'throttle') {
      line.throttle(SLOW_BYTES_A_SECOND)
      lasts(() => line.throttle(Number.POSITIVE_INFINITY))
    } else if (!(await this.#strikeMachine(kind, lasts))) return
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1)
  }

  /** An episode is over: faults that have lasted their time are repaired. */
  async pass(): Promise<void> {
    for (const [key, one] of this.#open) {
      one.left -= 1
      if (one.left >= 0) continue
      this.#open.delete(key)
      await one.heal()
    }
  }

  /** Repairs every fault. */
  async end(): Promise<void> {
    for (const { heal } of this.#open.values()) await heal()
    this.#open.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const line of this.#lines) await line[Symbol.asyncDispose]()
    this.#disk?.[Symbol.dispose]()
  }

  /** @returns false when this machine cannot do it */
  async #strikeMachine(kind: Trouble['kind'], lasts: (heal: () => unknown) => unknown): Promise<boolean> {
    const disk = this.#disk
    if (kind === 'fill' && disk !== null) {
      disk.fill()
      lasts(() => disk.empty())
    } else if (kind === 'killReceiver') {
      await this.#rig.killReceiver(MORTAL)
      lasts(() => this.#rig.startReceiver(MORTAL))
    } else if (kind === 'killAgent') {
      await this.#rig.killAgent()
      await this.#rig.startAgent()
    } else return false
    return true
  }
}
