/**
 * One root read from the agent's log on NATS. The agent itself is dialled for what a log cannot bring, and left again.
 *
 *   connecting ─▶ asking (position) ─┬─ it is an end in the log ─▶ reading ─┬─ lost ─▶ connecting
 *                                    └─ it is not ─▶ dialling the agent ◀──┘ off the log, owed, called
 *                                                        └─ at an end of the log, nothing owed ─▶ asking
 *
 * INVARIANT: the disk thread takes from the log only what the decoder has verified, and every reading begins with the
 * position that the disk thread itself reports. What the WebSocket brings is what it always brought.
 */
import { errorMessage } from '@rootferry/host/machine'
import type { Broker } from '@rootferry/nats'
import type { CloseReason } from '@rootferry/protocol'
import type { HelloPosition } from '../../root-messages.ts'
import { AckTimer } from './ack-timer.ts'
import { ControlNeed } from './control-need.ts'
import type { Address, NatsAddress } from './dial.ts'
import type { Link, LinkEvents, LinkOptions } from './link.ts'
import { LogReading } from './log-reading.ts'
import { leadsOn } from './log-start.ts'
import { ownAddress } from './own-address.ts'
import { ReaderLine } from './reader-line.ts'
import { redialMs } from './redial.ts'
import { SocketLink } from './socket-link.ts'
import { DISTRUST_MS, StayWithAgent, type Unread } from './stay-with-agent.ts'

/** While the agent is dialled, the log is looked at when something was committed, and this often. */
const LOOK_MS = 2_000

type Life =
  | { at: 'waiting' }
  | { at: 'connecting' }
  /** The disk thread was asked for its position. */
  | { at: 'asking'; broker: Broker }
  | { at: 'reading'; broker: Broker; reading: LogReading }
  | { at: 'dialling'; broker: Broker; link: SocketLink; need: ControlNeed; notBefore: number }

export class LogLink implements Link {
  readonly #options: LinkOptions
  readonly #events: LinkEvents
  #address: Address & { nats: NatsAddress }
  #life: Life = { at: 'waiting' }
  /** Counts the lives, so that what was begun for an earlier one is dropped. */
  #lives = 0
  #attempts = 0
  #timer: NodeJS.Timeout | null = null
  #isStopped = false
  /** The message of the log at which the next reading may begin: what is before it was begun and not ended. */
  #notBefore = 0
  readonly #stay = new StayWithAgent()
  #line: ReaderLine | null = null
  readonly #ack: AckTimer

  constructor(options: LinkOptions & { address: Address & { nats: NatsAddress } }, events: LinkEvents) {
    this.#options = options
    this.#address = options.address
    this.#events = events
    this.#ack = new AckTimer((ack) => {
      if (this.#life.at === 'reading') this.#line?.tell(ack)
    })
  }

  start(): void {
    void this.#connect()
  }

  renew(address: Address): void {
    this.#leave()
    this.#attempts = 0
    if (address.nats == null || this.#isStopped) return
    this.#address = { ...address, nats: address.nats }
    void this.#connect()
  }

  greet(position: HelloPosition): void {
    const life = this.#life
    if (life.at === 'dialling') return life.link.greet(position)
    if (life.at !== 'asking') return
    this.#ack.at(position)
    void this.#begin(life.broker, position)
  }

  send(message: string): void {
    const life = this.#life
    const said = this.#ack.said(message)
    if (life.at === 'reading' && said.type === 'committed') this.#stay.led()
    if (life.at === 'dialling') {
      life.need.said(said)
      life.link.send(message)
      void this.#look(life)
    } else if (life.at === 'reading' && (said.type === 'want' || said.type === 'list')) {
      this.#need(life.broker, 'something has to be asked for', 0)
    }
  }

  worked(): void {
    this.#attempts = 0
    if (this.#life.at === 'dialling') this.#life.link.worked()
  }

  consumed(bytes: number): void {
    if (this.#life.at === 'dialling') this.#life.link.consumed(bytes)
    else if (this.#life.at === 'reading') this.#life.reading.consumed(bytes)
  }

  abort(reason: CloseReason, message: string): void {
    if (this.#life.at === 'dialling') this.#life.link.abort(reason, message)
    else if (this.#life.at === 'reading') this.#need(this.#life.broker, `${reason}: ${message}`, DISTRUST_MS)
  }

  stop(): void {
    this.#isStopped = true
    this.#leave()
  }

  async #connect(): Promise<void> {
    this.#become({ at: 'connecting' })
    const life = this.#lives
    const { servers, ca, credentials, name } = this.#address.nats
    try {
      const { Broker, inboxOf, ...words } = await import('@rootferry/nats')
      this.#notBefore = 0
      const broker = await Broker.connect({ servers, ca, credentials, name, inbox: inboxOf(name) })
      if (life !== this.#lives) return void broker.close()
      void broker.ended().then((why) => this.#lost(broker, why))
      const own = { root: this.#options.root, name, token: this.#address.token }
      this.#line = new ReaderLine(broker, words, own, {
        asked: () => this.#ack.tellAgain(),
        paced: (ms) => this.#ack.pace(ms),
        called: () => this.#called(broker),
        leaves: (to) => {
          if (this.#life.at === 'reading' && this.#life.broker === broker) this.#life.reading.leaves(to)
        },
      })
      this.#ack.from({ region: broker.domain, address: ownAddress(broker.clientAddress) })
      this.#ask(broker)
    } catch (error) {
      if (life === this.#lives) this.#failed(errorMessage(error))
    }
  }

  #ask(broker: Broker): void {
    this.#become({ at: 'asking', broker })
    this.#events.tell({ type: 'hello' })
  }

  /** @param position of the disk thread: the log is read from there when it is one of its ends */
  async #begin(broker: Broker, position: HelloPosition): Promise<void> {
    const life = this.#lives
    const { root } = this.#options
    const { fingerprint } = this.#address.trust
    const events = {
      frame: this.#events.frame,
      restart: (at: number) => life === this.#lives - 1 && this.#again(broker, at),
      off: (why: string, kind: Unread) => {
        if (life === this.#lives - 1) this.#fall(broker, why, kind, position)
      },
    }
    try {
      const parts = { broker, root, fingerprint: fingerprint ?? '', notBefore: this.#notBefore }
      const reading = await LogReading.at(position, parts, events)
      if (life !== this.#lives) return reading?.stop()
      if (reading === null)
        return this.#fall(broker, 'the log does not have the position of this target', 'gap', position)
      this.#become({ at: 'reading', broker, reading })
      this.#ack.reads(reading.epoch)
      this.#events.log(null, false)
      this.#events.connected()
      reading.start()
    } catch (error) {
      if (life === this.#lives) this.#fall(broker, errorMessage(error), isForged(error) ? 'forged' : 'failed', position)
    }
  }

  /** The log cannot be read from there. */
  #fall(broker: Broker, why: string, kind: Unread, from: HelloPosition): void {
    this.#events.log(why, kind === 'forged')
    this.#dial(broker, this.#stay.after(kind), from)
  }

  /** The agent is needed, whatever the log has. */
  #need(broker: Broker, why: string, stayMs: number): void {
    this.#events.log(why, false)
    this.#dial(broker, stayMs, null)
  }

  /** The disk thread drops what it has of a changeset, and reading goes on from its position. */
  #again(broker: Broker, at: number): void {
    this.#notBefore = at
    this.#endReading()
    this.#events.tell({ type: 'disconnected' })
    this.#ask(broker)
  }

  #endReading(): void {
    if (this.#life.at === 'reading') this.#life.reading.stop()
  }

  #called(broker: Broker): void {
    if (this.#life.at === 'reading') this.#need(broker, 'the agent asked for a connection', DISTRUST_MS)
  }

  /** @param stayMs at least for so long. @param from where the log may be tried again while the agent does not answer */
  #dial(broker: Broker, stayMs: number, from: HelloPosition | null): void {
    if (this.#life.at === 'reading') {
      this.#endReading()
      this.#events.tell({ type: 'disconnected' })
    }
    const need = new ControlNeed(from)
    const link = new SocketLink({ ...this.#options, address: this.#address }, need.hearing(this.#events))
    const life: Life = { at: 'dialling', broker, link, need, notBefore: performance.now() + stayMs }
    this.#become(life)
    this.#ack.reads(null)
    link.start()
    this.#lookLater(life)
  }

  #lookLater(life: Extract<Life, { at: 'dialling' }>): void {
    this.#timer = setTimeout(() => {
      if (this.#life !== life) return
      this.#lookLater(life)
      void this.#look(life)
    }, LOOK_MS)
  }

  /** When the log has the position of this receiver, to which the agent has brought it if it answers, it is read from there. */
  async #look(life: Extract<Life, { at: 'dialling' }>): Promise<void> {
    const { need, broker, link, notBefore } = life
    const { position } = need
    if (position === null || need.isLooking || performance.now() < notBefore) return
    need.isLooking = true
    try {
      const fingerprint = this.#address.trust.fingerprint ?? ''
      const isThere = await leadsOn(position, { broker, root: this.#options.root, fingerprint })
      if (!isThere || this.#life !== life || need.position?.sequence !== position.sequence) return
      this.#become({ at: 'asking', broker })
      link.stop()
      this.#events.tell({ type: 'hello' })
    } catch (error) {
      // The broker is away, which ends this life too.
      if (broker.isOver || this.#life !== life) return
      life.notBefore = performance.now() + DISTRUST_MS
      this.#events.log(errorMessage(error), isForged(error))
    } finally {
      need.isLooking = false
    }
  }

  #lost(broker: Broker, why: string | null): void {
    const life = this.#life
    if (!('broker' in life) || life.broker !== broker) return
    if (life.at === 'dialling') life.link.stop()
    if (life.at === 'reading') this.#endReading()
    if (life.at !== 'dialling') this.#events.tell({ type: 'disconnected' })
    this.#failed(why ?? 'the connection to NATS is over')
  }

  #failed(error: string): void {
    this.#become({ at: 'waiting' })
    this.#events.disconnected(error)
    this.#timer = setTimeout(() => void this.#connect(), redialMs(this.#attempts, Math.random(), 'usual'))
    this.#attempts += 1
  }

  #leave(): void {
    const life = this.#life
    this.#become({ at: 'waiting' })
    if (life.at === 'dialling') life.link.stop()
    if (life.at === 'reading') {
      life.reading.stop()
      this.#events.tell({ type: 'disconnected' })
    }
    if (life.at === 'reading' || life.at === 'asking') this.#events.disconnected(null)
    if ('broker' in life) void life.broker.close()
    this.#ack.reads(null)
  }

  #become(life: Life): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#life = life
    this.#lives += 1
  }
}

function isForged(error: unknown): boolean {
  return error instanceof Error && error.name === 'Forged'
}
