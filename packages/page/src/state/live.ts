/**
 * The one stream of events, and the status that it begins with.
 *
 *   connecting ─ open ─▶ the status is asked ─▶ live ─ broken ─▶ reconnecting ─ open ─▶ the status is asked …
 *                                                        ├─ refused ─▶ the session is asked: over, or dial again
 *                                                        ├─ silent ─▶ dial again
 *                                                        └─ not seen ─▶ paused ─ seen ─▶ connecting …
 *
 * A line can die without a word: a tunnel that hangs, a telephone that was elsewhere. So the agent says every 15 s that it
 * is `here`, and a silent line is not called live (`silence.ts`).
 *
 * INVARIANT: nothing is asked again and again. What is shown is the status when it was last asked for, and every event since
 * then, taken over once a frame.
 */
import type { ResyncSummary, RoundAnswer, StatusAnswer } from '@rootferry/agent/api'
import { ApiProblem, get } from './api.ts'
import { type Fleet, type FleetEvent, fleetOf, isOther, withEvents } from './fleet.ts'
import { LOOK_MS, Silence } from './silence.ts'

export type Line = 'connecting' | 'live' | 'reconnecting' | 'paused'

export interface LiveParts {
  /** @param heardMs when the agent last said something */
  changed(fleet: Fleet, line: Line, heardMs: number): void
  /** The session is over: its token was revoked, or the agent was restarted. */
  signedOut(why: string): void
}

const TYPES = ['receiver', 'root', 'resync', 'round', 'progress'] as const
const REDIAL_MS = 2_000
/** A page that is not seen has no frames, and all that is seen of it is its title. */
const UNSEEN_MS = 5_000
/**
 * A page that was not seen for so long hangs up until it is seen again: a browser has six connections to one address, and
 * pages that are open in other tabs would take them all.
 */
const FORGOTTEN_MS = 60_000

export class Live {
  readonly #parts: LiveParts
  #source: EventSource | null = null
  #fleet: Fleet | null = null
  #line: Line = 'connecting'
  #events: FleetEvent[] = []
  /** What came since the status was asked for; null: no answer is on its way. */
  #crossing: FleetEvent[] | null = null
  #isDue = false
  #timer = 0
  #hangUp = 0
  #watch = 0
  readonly #silence = new Silence()
  readonly #seen = () => this.#seenOrNot()

  constructor(parts: LiveParts) {
    this.#parts = parts
  }

  open(): void {
    document.addEventListener('visibilitychange', this.#seen)
    this.#watch = window.setInterval(() => this.#listen(), LOOK_MS)
    this.#dial()
    if (document.hidden) this.#pauseLater()
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
    // A frame that was asked for does not come any more; and what has come meanwhile is shown at once.
    if (this.#isDue) this.#show()
    if (document.hidden) this.#pauseLater()
    else if (this.#source?.readyState === EventSource.CLOSED) this.#dialAnew()
    else this.#listen()
  }

  #pauseLater(): void {
    this.#hangUp = window.setTimeout(() => {
      this.#source?.close()
      clearTimeout(this.#timer)
      this.#line = 'paused'
      this.#show()
    }, FORGOTTEN_MS)
  }

  /** Whether the line still says something: while the page is not seen that proves nothing. */
  #listen(): void {
    if (document.hidden || this.#source?.readyState === EventSource.CLOSED) return
    const finding = this.#silence.look(Date.now())
    if (finding === 'unknown') this.#dialAnew()
    if (finding !== 'dead') return
    this.#isLost()
    this.#redial()
  }

  #dialAnew(): void {
    this.#source?.close()
    clearTimeout(this.#timer)
    this.#line = 'connecting'
    this.#show()
    this.#dial()
  }

  #dial(): void {
    const source = new EventSource(`/v1/events?types=${[...TYPES, 'here'].join(',')}`)
    this.#source = source
    this.#silence.dialled(Date.now())
    source.addEventListener('open', () => this.#opened())
    source.addEventListener('error', () => void this.#broken(source))
    source.addEventListener('missed', () => this.#opened())
    source.addEventListener('here', () => this.#heard())
    for (const type of TYPES)
      source.addEventListener(type, ({ data }: MessageEvent<string>) => {
        this.#heard()
        const event: FleetEvent = { type, data: JSON.parse(data) }
        this.#events.push(event)
        this.#crossing?.push(event)
        this.#soon()
      })
  }

  #heard(): void {
    this.#silence.heard(Date.now())
  }

  #opened(): void {
    this.#heard()
    void this.#look()
  }

  /** Takes over the present status, and on top of it what came while it was on its way. */
  async #look(): Promise<void> {
    const source = this.#source
    const crossing: FleetEvent[] = []
    this.#crossing = crossing
    const isLatest = () => this.#isPresent(source) && this.#crossing === crossing
    try {
      const status = await get<StatusAnswer>('/v1/status')
      const { resyncs } = await get<{ resyncs: ResyncSummary[] }>('/v1/resyncs')
      const { rounds } = await get<{ rounds: RoundAnswer[] }>('/v1/rounds')
      if (!isLatest()) return
      this.#crossing = null
      this.#fleet = fleetOf({ status, resyncs, rounds })
      this.#events = crossing
      this.#line = 'live'
      this.#show()
    } catch (error) {
      // A stream without the status that it begins with is of no use.
      if (this.#failed(error) || !isLatest()) return
      this.#crossing = null
      this.#isLost()
      this.#redial()
    }
  }

  /** Whether that is the stream still: the page may have hung up, or dialled anew. */
  #isPresent(source: EventSource | null): boolean {
    return source === this.#source && source?.readyState !== EventSource.CLOSED
  }

  #isLost(): void {
    this.#line = this.#fleet === null ? 'connecting' : 'reconnecting'
    this.#show()
  }

  async #broken(source: EventSource): Promise<void> {
    this.#isLost()
    if (source.readyState !== EventSource.CLOSED) return
    // A refusal: the browser does not dial again by itself.
    try {
      await get('/v1/session')
    } catch (error) {
      if (this.#failed(error)) return
    }
    if (source === this.#source) this.#redial()
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
    if (this.#crossing === null && isOther(this.#fleet, events)) void this.#look()
    this.#parts.changed(this.#fleet, this.#line, this.#silence.heardMs)
  }
}
