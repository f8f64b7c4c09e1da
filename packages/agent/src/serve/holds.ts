/** Holds and releases of any root, as operators order them, with the answer for each receiver. */
import { HttpProblem } from '@rootferry/host/daemon'
import { Refusal } from '@rootferry/host/machine'
import { LIMITS } from '@rootferry/protocol'
import type { HoldStatus, RootRequests } from '../root-messages.ts'
import type { RootFeed } from './feed/root-feed.ts'
import { hasGone, type RoundReport } from './feed/round-report.ts'
import type { RoundWay } from './feed/rounds.ts'
import { roundAnswer } from './round-answer.ts'
import type { HeldAnswer, ReleasedAnswer, RoundAnswer } from './schemas/releases.ts'
import type { RootHoldStatus } from './schemas/status.ts'

export interface HoldsParts {
  feeds: ReadonlyMap<string, RootFeed>
  /** Names of the receivers that may receive a root. */
  receiversOf(root: string): string[]
}

export class Holds {
  readonly #parts: HoldsParts

  constructor(parts: HoldsParts) {
    this.#parts = parts
  }

  /** @throws HttpProblem when there is no such root, or it is held already, or not ready, or was released meanwhile */
  async hold(root: string, order: RootRequests['hold']['takes']): Promise<HeldAnswer> {
    const { answer, behind } = await orUnavailable(root, this.#feed(root).holds.hold(order))
    const { id, sinceMs, sequence } = answer.hold
    if (answer.outcome === 'was-held') throw new HttpProblem('held', `${root} ${heldBy(answer.hold)}.`)
    const now = this.#feed(root).status?.hold ?? null
    if (now?.id === id) return { id, root, sequence, since: timeOf(sinceMs), behind }
    const meanwhile = `${root} was released while the hold waited for receivers`
    throw now === null
      ? new HttpProblem('not-held', `${meanwhile}.`)
      : new HttpProblem('held', `${meanwhile}, and ${heldBy(now)}.`)
  }

  /** @throws HttpProblem when there is no such root, or it is not held, or not ready, or the guard refuses */
  async release(
    root: string,
    order: RootRequests['end-hold']['takes'],
    { waitMs, way }: { waitMs: number; way: RoundWay },
  ): Promise<ReleasedAnswer> {
    const feed = this.#feed(root)
    const begunMs = performance.now()
    const { answer, round } = await orUnavailable(root, feed.holds.release(order, way))
    if (answer.outcome === 'not-held')
      throw new HttpProblem('not-held', `${root} is not held${order.hold === null ? '' : ' any more'}.`)
    if (answer.outcome === 'held-anew')
      throw new HttpProblem('held', `${root} was released meanwhile, and ${heldBy(answer.hold)}.`)
    if (answer.outcome === 'guard')
      throw new HttpProblem(
        'guard',
        `${root} stays held: ${answer.reason}. Accept the losses (release --accept-losses), or put the tree right.`,
      )
    if (answer.outcome === 'too-large')
      throw new HttpProblem(
        'too-large',
        `${root} stays held: ${answer.changes} changes wait, and receivers can commit ${LIMITS.seriesChanges} at once. In parts (release --in-parts) they come as several commits, each together.`,
      )
    const { outcome, isRound: _, ...report } = answer
    if (outcome === 'dry-run') return { root, released: false, held: true, round: null, ...report, receivers: [] }
    const ended = round === null ? null : await orTimeout(round.ended, waitMs)
    if (ended?.stopped != null)
      throw new HttpProblem(
        'rolling-stopped',
        `The rolling release was stopped, and ${root} stays held: ${ended.stopped}.`,
      )
    if (ended?.at === 'void')
      throw new HttpProblem('root-unavailable', `The release did not go, and ${root} stays held: ${whyVoid(ended)}.`)
    const restMs = Math.max(0, waitMs - (performance.now() - begunMs))
    const receivers = await this.#arrivals(feed, answer.to, restMs, ended)
    const held = round !== null && ended === null && !hasGoneTo(answer.to, feed)
    return { root, released: true, held, round: round?.id ?? null, ...report, receivers }
  }

  /** The last rounds of all roots, newest first. */
  rounds(): RoundAnswer[] {
    const all = [...this.#parts.feeds.values()].flatMap(({ name, holds }) => holds.rounds.map((one) => ({ name, one })))
    all.sort((a, b) => b.one.began.getTime() - a.one.began.getTime())
    return all.map(({ name, one }) => roundAnswer(name, one))
  }

  async #arrivals(
    feed: RootFeed,
    sequence: number,
    waitMs: number,
    round: RoundReport | null,
  ): Promise<ReleasedAnswer['receivers']> {
    const begunMs = performance.now()
    const names = this.#parts.receiversOf(feed.name)
    const seconds = new Map<string, number>()
    await feed.holds.awaitAll(names, sequence, waitMs, (name) => {
      seconds.set(name, Math.round(performance.now() - begunMs) / 1000)
    })
    return names.map((name) => {
      const member = round?.members.get(name)
      const took = member?.committedMs == null ? seconds.get(name) : Math.round(member.committedMs) / 1000
      if (member?.isLate === true || round?.lateReaders.includes(name) === true)
        return { name, state: 'left-behind' as const, seconds: took ?? null }
      if (took !== undefined) return { name, state: 'committed' as const, seconds: took }
      return { name, state: feed.holds.isConnected(name) ? ('behind' as const) : ('offline' as const), seconds: null }
    })
  }

  #feed(root: string): RootFeed {
    const feed = this.#parts.feeds.get(root)
    if (feed === undefined) throw new HttpProblem('unknown-root', `There is no root ${JSON.stringify(root)}.`)
    return feed
  }
}

/** Whether a release that ends there has gone; of one in parts, the last of them. */
function hasGoneTo(to: number, { holds }: RootFeed): boolean {
  return holds.rounds.some((one) => one.to === to && hasGone(one))
}

/** A round in which somebody has staged is void only when the root is opened anew, the agent stops, or its disk is full. */
function whyVoid({ members }: RoundReport): string {
  const hasStaged = [...members.values()].some(({ stagedMs }) => stagedMs !== null)
  return hasStaged ? 'it was interrupted, of which the log says more' : 'no receiver had staged it'
}

/** @returns null when it takes longer */
async function orTimeout<Value>(promise: Promise<Value>, mostMs: number): Promise<Value | null> {
  const { promise: late, resolve } = Promise.withResolvers<null>()
  const timer = setTimeout(() => resolve(null), mostMs)
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** A hold in the form of the API. */
export function holdAnswer(hold: HoldStatus | null): RootHoldStatus | null {
  if (hold === null) return null
  const { sinceMs, ...others } = hold
  return { ...others, since: timeOf(sinceMs) }
}

function heldBy({ by, sinceMs, reason }: HoldStatus): string {
  return `has been held by ${by} since ${timeOf(sinceMs)}${reason === '' ? '' : `: ${reason}`}`
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}

/** @throws HttpProblem, which names the root, in place of a Refusal */
export async function orUnavailable<Answer>(root: string, answer: Promise<Answer>): Promise<Answer> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof Refusal) throw new HttpProblem('root-unavailable', `${root}: ${error.message}.`)
    throw error
  }
}
