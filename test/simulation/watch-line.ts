/**
 * Oracle for everything that goes over the lines.
 *
 *   G4  `committed` and `durable` say no more than the ledger does; no hello of the same epoch says less than was said
 *       before, except after a loss of power, and then not less than was durable
 *   G8  never more bytes of segments than there is credit for, and one segment; never more in a socket than two frames
 */
import { decodeToReceiver, LIMITS } from '../../packages/protocol/src/index.ts'
import { positionOf } from './judge-committed.ts'
import type { Machine } from './machine.ts'
import type { Line } from './network.ts'
import type { Frame } from './socket.ts'
import { Violation } from './violation.ts'

interface Said {
  epoch: string
  committed: number
  durable: number
}

export class LineWatch {
  readonly #receivers: ReadonlyMap<string, Machine>
  readonly #said = new Map<string, Said>()
  readonly #credit = new WeakMap<Line, number>()
  /** By receiver and path: the sequence of a listing that called the path unsettled, so that it is not compared yet. */
  readonly #unsettled = new Map<string, Map<string, number>>()
  /** Bytes of segments that were sent to all receivers together. */
  segmentBytes = 0
  /** Changes of changesets that were sent to all receivers together. */
  changes = 0
  resyncs = 0

  constructor(receivers: ReadonlyMap<string, Machine>) {
    this.#receivers = receivers
  }

  /** The machine of a receiver lost power: it is back at its durable sequence. */
  lostPower(receiver: string): void {
    const said = this.#said.get(receiver)
    if (said !== undefined) said.committed = said.durable
  }

  /** A receiver that starts finds nothing in its target, and begins anew, whatever it said before. */
  emptied(receiver: string): void {
    this.#said.delete(receiver)
  }

  /** For each path, the sequence up to which the receiver need not have it. */
  unsettled(receiver: string): ReadonlyMap<string, number> {
    return this.#unsettled.get(receiver) ?? new Map()
  }

  /** @throws Violation */
  note(way: 'sent' | 'arrived', line: Line, toAgent: boolean, frame: Frame): void {
    if (frame.kind === 'close') return
    if (toAgent) {
      const message: unknown = JSON.parse(frame.data.toString())
      if (!isRecord(message)) return
      if (way === 'sent') this.#fromReceiver(line, message)
      return
    }
    if (way === 'sent') this.#fromAgent(line, frame)
    else if (frame.kind === 'text') this.#arrived(line.caller.receiver, frame)
  }

  #fromReceiver(line: Line, message: Record<string, unknown>): void {
    const { receiver } = line.caller
    if (message['type'] === 'hello') this.#hello(line, message)
    else if (message['type'] === 'credit') this.#credit.set(line, this.#creditOf(line) + Number(message['bytes']))
    else if (message['type'] === 'committed' || message['type'] === 'resynced') {
      const sequence = Number(message['sequence'])
      const position = this.#position(receiver)
      if (position === null || position.sequence < sequence) {
        throw new Violation('G4', `${receiver} says ${sequence}, its ledger ${position?.sequence ?? 'nothing'}`)
      }
      const said = this.#said.get(receiver)
      const durable = said?.epoch === position.epoch ? said.durable : 0
      this.#said.set(receiver, { epoch: position.epoch, committed: sequence, durable })
    } else if (message['type'] === 'durable') this.#durable(receiver, Number(message['sequence']))
  }

  #durable(receiver: string, sequence: number): void {
    const position = this.#position(receiver)
    if (position === null || position.durable < sequence) {
      throw new Violation('G4', `${receiver} says durable ${sequence}, its ledger ${position?.durable ?? 'nothing'}`)
    }
    const said = this.#said.get(receiver)
    if (said?.epoch === position.epoch) said.durable = Math.max(said.durable, sequence)
  }

  #hello(line: Line, message: Record<string, unknown>): void {
    const { receiver } = line.caller
    this.#credit.set(line, Number(message['credit']))
    const said = this.#said.get(receiver)
    // A target that was emptied begins anew, whatever was reported before.
    if (message['target'] === 'empty') this.#said.delete(receiver)
    if (said === undefined || message['target'] === 'empty') return
    const { epoch, sequence } = message
    if (epoch === said.epoch ? Number(sequence) < said.committed : said.committed > 0) {
      throw new Violation(
        'G4',
        `${receiver} was at ${said.committed} of ${said.epoch}, says hello at ${sequence} of ${epoch}`,
      )
    }
  }

  #fromAgent(line: Line, frame: Frame & { data: Buffer }): void {
    if (frame.kind !== 'binary') return
    const credit = this.#creditOf(line) - frame.data.byteLength
    this.#credit.set(line, credit)
    this.segmentBytes += frame.data.byteLength
    if (credit < -LIMITS.segmentBytes) {
      throw new Violation('G8', `${-credit} bytes beyond the credit of ${line.caller.receiver} are under way`)
    }
    const buffered = line.server.bufferedAmount - frame.data.byteLength
    if (buffered > 2 * LIMITS.frameBytes) {
      throw new Violation('G8', `${buffered} bytes wait in the socket of ${line.caller.receiver}, and more are sent`)
    }
  }

  /** A resync, or another epoch, begins with a clean slate. */
  #arrived(receiver: string, frame: Frame & { data: Buffer }): void {
    const message: unknown = JSON.parse(frame.data.toString())
    if (!isRecord(message)) return
    if (message['type'] === 'listing') this.#noteUnsettled(receiver, frame)
    if (message['type'] === 'changeset') this.changes += Number(message['changes'])
    if (message['type'] !== 'welcome') return
    if (message['start'] === 'resync') this.resyncs += 1
    const isElsewhere = this.#said.get(receiver)?.epoch !== message['epoch']
    if (message['start'] === 'resync' || isElsewhere) this.#said.delete(receiver)
  }

  #noteUnsettled(receiver: string, { data }: { data: Buffer }): void {
    const listing = decodeToReceiver(data)
    if (listing.type !== 'listing') return
    const known = this.#unsettled.get(receiver) ?? new Map<string, number>()
    this.#unsettled.set(receiver, known)
    for (const { path, entries } of listing.directories) {
      for (const [name, letter] of entries) {
        if (letter === 'u') known.set(path === '.' ? name : `${path}/${name}`, listing.sequence)
      }
    }
  }

  #creditOf(line: Line): number {
    return this.#credit.get(line) ?? 0
  }

  #position(receiver: string) {
    const machine = this.#receivers.get(receiver)
    return machine === undefined ? null : positionOf(machine)
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
