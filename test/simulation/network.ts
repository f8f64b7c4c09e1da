/**
 * Lines between receivers and the agent: each way in order, late, slow, and cut at any moment. Frames on a line that is
 * cut are lost, and each end hears of the cut in its own time, or not at all (half-open) until it gives up.
 *
 *   Socket ─send─▶ Line ─after latency, bytes ÷ rate─▶ Socket 'message'
 */
import type { Chance } from './random.ts'
import type { Process, Scheduler } from './scheduler.ts'
import { type Frame, SimulatedSocket } from './socket.ts'

export interface LineQuality {
  /** The most milliseconds that a frame travels. */
  latencyMs: number
  /** Bytes per millisecond. */
  rate: number
  /** One in this many frames comes twice; 0: none. */
  repeatsOneIn: number
}

/** A line as good as possible. */
export const GOOD: LineQuality = { latencyMs: 2, rate: Number.POSITIVE_INFINITY, repeatsOneIn: 0 }

export interface Caller {
  receiver: string
  quality: LineQuality
  /** No connection gets through. */
  isBlocked: boolean
  /** Frames to the receiver wait until the stall is over. */
  isStalled: boolean
  /**
   * Each connection breaks when so many bytes have come over it to the receiver; 0: never. Not while it compares: that
   * begins anew with each connection, and goes on only where it fits between two breaks.
   */
  breaksAfterBytes: number
  isComparing: boolean
}

export interface Listening {
  process: Process
  accept(socket: SimulatedSocket, receiver: string): void
}

const PING_MS = 15_000
const DEAD_MS = 45_000
const MOST_NOTICE_MS = 60
const ABNORMAL = 1006

export class Network {
  readonly #scheduler: Scheduler
  readonly #chance: Chance
  readonly callers = new Map<string, Caller>()
  readonly lines = new Set<Line>()
  /** Called for every message when it is sent, and when it arrives. */
  onFrame: (way: 'sent' | 'arrived', line: Line, toAgent: boolean, frame: Frame) => void = () => undefined
  listening: Listening | null = null

  constructor(scheduler: Scheduler, chance: Chance) {
    this.#scheduler = scheduler
    this.#chance = chance
  }

  dial(caller: Caller, client: SimulatedSocket): void {
    this.#scheduler.after(this.#scheduler.soon(caller.quality.latencyMs), null, () => {
      const { listening } = this
      if (client.isClosed) return
      if (listening === null || listening.process.isDead || caller.isBlocked) {
        client.fail(new Error('connect ECONNREFUSED, simulated'))
        return
      }
      const server = new SimulatedSocket(listening.process, client.protocol)
      const line = new Line(this, this.#scheduler, this.#chance, caller, { client, server })
      this.lines.add(line)
      listening.accept(server, caller.receiver)
      client.opened(line)
    })
  }

  /** Cuts the lines of a receiver, or all. @param silently neither end hears of it */
  cut(receiver: string | null, silently = false): void {
    for (const line of this.lines) if (receiver === null || line.caller.receiver === receiver) line.cut(silently)
  }
}

/** Between two frames of a direction, so that no rounding of times makes one overtake the other. */
const IN_ORDER_MS = 0.000_1

export class Line {
  readonly caller: Caller
  readonly client: SimulatedSocket
  readonly server: SimulatedSocket
  readonly #network: Network
  readonly #scheduler: Scheduler
  readonly #chance: Chance
  /** When the last frame of each direction arrives, so that none overtakes another. */
  readonly #arrivals = new Map<SimulatedSocket, number>()
  /** Frames that wait for the end of a stall, oldest first. */
  #stalled: (() => void)[] = []
  isCut = false
  /** To the receiver. */
  #bytes = 0

  constructor(
    network: Network,
    scheduler: Scheduler,
    chance: Chance,
    caller: Caller,
    ends: { client: SimulatedSocket; server: SimulatedSocket },
  ) {
    this.caller = caller
    this.client = ends.client
    this.server = ends.server
    this.#network = network
    this.#scheduler = scheduler
    this.#chance = chance
    for (const end of [this.client, this.server]) {
      end.owner?.atDeath.push(() => {
        end.vanish()
        this.cut(false)
      })
    }
    ends.server.opened(this)
    this.#pingLater()
  }

  /** @param left called when the frame is out of the sender's hands: it has arrived, or never will */
  carry(from: SimulatedSocket, frame: Frame, left: () => void): void {
    this.#network.onFrame('sent', this, from === this.client, frame)
    const bytes = frame.kind === 'close' ? 0 : frame.data.byteLength
    this.#deliver(from, bytes, () => {
      if (from === this.server && this.#breaks(bytes)) return
      left()
      const to = this.#otherEnd(from)
      to.take(frame)
      this.#network.onFrame('arrived', this, from === this.client, frame)
      const { repeatsOneIn } = this.caller.quality
      if (repeatsOneIn > 0 && frame.kind !== 'close' && this.#chance.oneIn(repeatsOneIn)) to.take(frame)
    })
  }

  #breaks(bytes: number): boolean {
    const { breaksAfterBytes, isComparing } = this.caller
    if (!isComparing) this.#bytes += bytes
    if (breaksAfterBytes === 0 || this.#bytes <= breaksAfterBytes) return false
    this.cut(false)
    return true
  }

  /** One end is gone at once; the other end hears of it. */
  abandon(from: SimulatedSocket): void {
    const to = this.#otherEnd(from)
    this.isCut = true
    this.#forget()
    this.#scheduler.after(this.#scheduler.soon(MOST_NOTICE_MS), to.owner, () => to.end(ABNORMAL, ''))
  }

  /** Both ends have closed. */
  closed(): void {
    this.#forget()
  }

  cut(silently: boolean): void {
    if (this.isCut) return
    this.isCut = true
    this.#forget()
    for (const end of [this.client, this.server]) {
      const noticed = silently ? DEAD_MS + this.#scheduler.soon(PING_MS) : this.#scheduler.soon(MOST_NOTICE_MS)
      this.#scheduler.after(noticed, end.owner, () => end.end(ABNORMAL, ''))
    }
  }

  /** A stall has ended. */
  resume(): void {
    this.#scheduler.after(0, this.client.owner, () => {
      if (this.caller.isStalled || this.isCut) return
      const waiting = this.#stalled
      this.#stalled = []
      for (const arrive of waiting) if (!this.isCut) arrive()
    })
  }

  #deliver(from: SimulatedSocket, bytes: number, arrive: () => void): void {
    const { latencyMs, rate } = this.caller.quality
    const now = this.#scheduler.now
    const last = (this.#arrivals.get(from) ?? 0) + IN_ORDER_MS
    const after = Math.max(last, now + this.#scheduler.soon(latencyMs)) + bytes / rate
    this.#arrivals.set(from, after)
    const deliver = () => {
      if (this.isCut) return
      const waits = from === this.server && (this.caller.isStalled || this.#stalled.length > 0)
      if (waits) this.#stalled.push(arrive)
      else arrive()
    }
    this.#scheduler.after(after - now, this.#otherEnd(from).owner, deliver)
  }

  #pingLater(): void {
    this.#scheduler.after(PING_MS, this.server.owner, () => {
      if (this.isCut || this.server.isClosed) return
      this.#deliver(this.server, 0, () => {
        this.client.emit('ping')
        this.#deliver(this.client, 0, () => this.server.emit('pong'))
      })
      this.#pingLater()
    })
  }

  #otherEnd(end: SimulatedSocket): SimulatedSocket {
    return end === this.client ? this.server : this.client
  }

  #forget(): void {
    this.#network.lines.delete(this)
    this.client.drop()
    this.server.drop()
  }
}
