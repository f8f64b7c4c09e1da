/**
 * A TCP line between receiver and agent that a test can cut, block, stall, slow down and open again: at once, during
 * the upgrade, at or within a chosen frame of the agent's, or so that everything from the receiver is lost.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { FrameMeter } from './frame-meter.ts'

/** When the line breaks in the answer to an upgrade, this many bytes of it arrive. */
const UPGRADE_BYTES = 20

/** The frame, counted from 1, after which the line breaks, or within which; 0 is the answer to the upgrade. */
export interface Break {
  frame: number
  isInside: boolean
}

export class Line implements AsyncDisposable {
  readonly #server: Server
  readonly #open = new Set<Socket>()
  #blocked = false
  #stalled = false
  #muted = false
  #bytesPerSecond = Number.POSITIVE_INFINITY
  #break: Break | null = null
  #bytesOfALife = Number.POSITIVE_INFINITY
  readonly #recorded: Buffer[] = []
  readonly #records: boolean
  /** Bytes that came from the agent. */
  received = 0
  /** How often it has broken by its age. */
  breaks = 0

  private constructor(agentPort: number, records: boolean) {
    this.#records = records
    this.#server = createServer((near) => this.#join(near, agentPort))
  }

  /** @param options `records`: keeps all bytes that pass */
  static async to(agentPort: number, options: { records?: boolean } = {}): Promise<Line> {
    const line = new Line(agentPort, options.records === true)
    line.#server.listen(0, '127.0.0.1')
    await once(line.#server, 'listening')
    return line
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** The bytes that passed in both directions, one character per byte. */
  get recording(): string {
    return Buffer.concat(this.#recorded).toString('latin1')
  }

  /** Whether a requested break has yet to come. */
  get isBreakDue(): boolean {
    return this.#break !== null
  }

  /** Breaks once, counting the agent's frames from now on. Everything before the break arrives. */
  breakAt(place: Break): void {
    this.#break = { ...place }
  }

  /** Each connection breaks when this many bytes of the agent have passed. Everything before that arrives. */
  breakEvery(bytes: number): void {
    this.#bytesOfALife = bytes
  }

  /** Ends every connection at once; new connections are accepted unless the line is blocked. */
  cut(): void {
    for (const socket of this.#open) socket.resetAndDestroy()
  }

  block(): void {
    this.#blocked = true
    this.cut()
  }

  unblock(): void {
    this.#blocked = false
  }

  /** Nothing passes any more, and neither side is told. */
  stall(): void {
    this.#stalled = true
    for (const socket of this.#open) socket.pause()
  }

  flow(): void {
    this.#stalled = false
    for (const socket of this.#open) socket.resume()
  }

  /** No more than this many bytes a second pass in either direction, until the line is made fast again. */
  throttle(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond
  }

  /** Everything from receivers is lost from now on, until the next connection. */
  mute(): void {
    this.#muted = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.block()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #join(near: Socket, agentPort: number): void {
    if (this.#blocked) {
      near.destroy()
      return
    }
    this.#muted = false
    const far = connect(agentPort, '127.0.0.1')
    const meter = new FrameMeter()
    let passed = 0
    this.#pipe(near, far, (data) => (this.#muted ? null : data))
    this.#pipe(far, near, (data) => {
      this.received += data.byteLength
      const rest = this.#bytesOfALife - passed
      passed += data.byteLength
      const until = passed > this.#bytesOfALife ? rest : this.#placeOfBreak(meter.feed(data))
      if (until === null) return data
      if (passed > this.#bytesOfALife) this.breaks += 1
      this.received -= data.byteLength - until
      if (this.#break?.frame === 0) near.write(data.subarray(0, until), () => near.resetAndDestroy())
      else {
        near.write(data.subarray(0, until))
        near.destroySoon()
      }
      this.#break = null
      far.destroy()
      return null
    })
  }

  /** @returns the place of the first byte that does not arrive, or null when all do */
  #placeOfBreak({ begins, ends }: { begins: number[]; ends: number[] }): number | null {
    const due = this.#break
    if (due === null) return null
    if (due.frame === 0) return UPGRADE_BYTES
    const places = due.isInside ? begins : ends
    if (places.length >= due.frame) return places[due.frame - 1] ?? null
    due.frame -= places.length
    return null
  }

  #pipe(from: Socket, to: Socket, filter: (data: Buffer) => Buffer | null): void {
    this.#open.add(from)
    if (this.#stalled) from.pause()
    /** These bytes have not taken their time on a slow line yet. */
    let isHeld = false
    const goOn = () => {
      if (!this.#stalled && !isHeld && !to.writableNeedDrain) from.resume()
    }
    from.on('data', (data: Buffer) => {
      if (this.#records) this.#recorded.push(data)
      const passed = filter(data)
      if (passed === null) return
      const mayGoOn = to.write(passed)
      if (this.#bytesPerSecond !== Number.POSITIVE_INFINITY) {
        isHeld = true
        const release = () => {
          isHeld = false
          goOn()
        }
        setTimeout(release, (1_000 * data.byteLength) / this.#bytesPerSecond).unref()
      }
      if (isHeld || !mayGoOn) from.pause()
    })
    to.on('drain', goOn)
    from.on('error', () => to.destroy())
    from.on('close', () => {
      this.#open.delete(from)
      to.destroySoon()
    })
  }
}
