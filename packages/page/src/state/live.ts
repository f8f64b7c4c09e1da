/**
 * The one stream of events, and the status that it begins with.
 *
 *   connecting ─ open ─▶ the status is asked ─▶ live ─ broken ─▶ reconnecting ─ open ─▶ the status is asked …
 *                                                        ├─ refused ─▶ the session is asked: over, or dial again
 *                                                        └─ silent ─▶ dial again
 *
 * A line can die without a word: a tunnel that hangs, a telephone that was elsewhere. So the agent says every 15 s that it
 * is `here`, and a line that says nothing for SILENCE_MS is not called live.
 *
 * INVARIANT: nothing is asked again and again. What is shown is the status when the stream was opened, and every event
 * since, taken over once a frame.
 */
import type { ResyncSummary, RoundAnswer, StatusAnswer } from '@rootferry/agent/api'
import { ApiProblem, get } from './api.ts'
import { type Fleet, type FleetEvent, fleetOf, isOther, withEvents } from './fleet.ts'

export type Line = 'connecting' | 'live' | 'reconnecting'

export interface LiveParts {
  changed(fleet: Fleet, line: Line): void
  /** The session is over: its token was revoked, or the agent was restarted. */
  signedOut(why: string): void
}

const TYPES = ['receiver', 'root', 'resync', 'round', 'progress'] as const
const REDIAL_MS = 2_000
/** A page that is not seen has no frames. */
const UNSEEN_MS = 1_000
/**
 * A page that was not seen for so long hangs up until it is seen again: a browser has six connections to one address, and
 * pages that are open in other tabs would take them all.
 */
const FORGOTTEN_MS = 60_000
const SILENCE_MS = 40_000
const LISTEN_MS = 5_000
/** Soon after the first status a second one makes good what crossed it on its way. */
const SETTLE_MS = 1_500

export class Live {
  readonly #parts: LiveParts
  #source: EventSource | null = null
  #fleet: Fleet | null = null
  #line: Line = 'connecting'
  #events: FleetEvent[] = []
  #isDue = false
  #timer = 0
  #hangUp = 0
  #watch = 0
  #heardMs = 0
  readonly #seen = () => this.#seenOrNot()

  constructor(parts: LiveParts) {
    this.#parts = parts
  }

  open(): void {
    document.addEventListener('visibilitychange', this.#seen)
    this.#watch = window.setInterval(() => this.#listen(), LISTEN_MS)
    this.#dial()
  }

  close(): void {
    document.removeEventListener('visibilitychange', this.#seen)
    this.#source?.close()
    clearInterval(this.#watch)
    clearTimeout(this.#timer)
    clearTimeout(this.#hangUp)
  }

  #seenOrNot(): void {
    clearTimeout(this.#hangUp)
    if (document.hidden) this.#hangUp = window.setTimeout(() => this.#source?.close(), FORGOTTEN_MS)
    else if (this.#source?.readyState === EventSource.CLOSED) {
      this.#line = 'connecting'
      this.#show()
      this.#dial()
    } else this.#listen()
  }

  /** Whether the line still says something; by the clock, which goes on while a machine sleeps. */
  #listen(): void {
    if (this.#source?.readyState === EventSource.CLOSED || Date.now() - this.#heardMs < SILENCE_MS) return
    this.#isLost()
    this.#redial()
  }

  #dial(): void {
    const source = new EventSource(`/v1/events?types=${[...TYPES, 'here'].join(',')}`)
    this.#source = source
    this.#heard()
    source.addEventListener('open', () => void this.#opened())
    source.addEventListener('error', () => void this.#broken())
    source.addEventListener('missed', () => void this.#opened())
    source.addEventListener('here', () => this.#heard())
    for (const type of TYPES)
      source.addEventListener(type, ({ data }: MessageEvent<string>) => {
        this.#heard()
        this.#events.push({ type, data: JSON.parse(data) })
        this.#soon()
      })
  }

  #heard(): void {
    this.#heardMs = Date.now()
  }

  async #opened(): Promise<void> {
    this.#heard()
    if (!(await this.#look())) return
    clearTimeout(this.#timer)
    this.#timer = window.setTimeout(() => void this.#look(), SETTLE_MS)
  }

  /** Takes over the present status. @returns whether there is one */
  async #look(): Promise<boolean> {
    try {
      const status = await get<StatusAnswer>('/v1/status')
      const { resyncs } = await get<{ resyncs: ResyncSummary[] }>('/v1/resyncs')
      const { rounds } = await get<{ rounds: RoundAnswer[] }>('/v1/rounds')
      this.#fleet = fleetOf({ status, resyncs, rounds })
      this.#line = 'live'
      this.#show()
      return true
    } catch (error) {
      // A stream without the status that it begins with is of no use.
      if (!this.#failed(error)) {
        this.#isLost()
        this.#redial()
      }
      return false
    }
  }

  #isLost(): void {
    this.#line = this.#fleet === null ? 'connecting' : 'reconnecting'
    this.#show()
  }

  async #broken(): Promise<void> {
    this.#isLost()
    if (this.#source?.readyState !== EventSource.CLOSED) return
    // A refusal: the browser does not dial again by itself.
    try {
      await get('/v1/session')
    } catch (error) {
      if (this.#failed(error)) return
    }
    this.#redial()
  }

  /** @returns whether the session is over */
  #failed(error: unknown): boolean {
    if (!(error instanceof ApiProblem)) throw error
    const isOver = error.status === 401 || error.status === 403
    if (isOver) {
      this.close()
      this.#parts.signedOut('Your session is over: its token was revoked or has expired, or the agent was restarted.')
    }
    return isOver
  }

  #redial(): void {
    this.#source?.close()
    clearTimeout(this.#timer)
    this.#timer = window.setTimeout(() => this.#dial(), REDIAL_MS)
  }

  #soon(): void {
    if (this.#isDue) return
    this.#isDue = true
    if (document.hidden) window.setTimeout(() => this.#show(), UNSEEN_MS)
    else requestAnimationFrame(() => this.#show())
  }

  #show(): void {
    this.#isDue = false
    if (this.#fleet === null) return
    const events = this.#events.splice(0)
    if (events.length > 0) this.#fleet = withEvents(this.#fleet, events)
    if (isOther(this.#fleet, events)) void this.#look()
    this.#parts.changed(this.#fleet, this.#line)
  }
}
