/**
 * Pure: a rolling release, in which a few receivers at a time leave the load balancer, change, and come back.
 *
 *   staged ─its turn: drain─▶ leaving ─left─▶ drains, drainMs ─commit─▶ left ─committed─▶ committed ─ready─▶ back
 *
 * INVARIANT: at most `size` receivers are away at a time, and the first that fails stops it: nobody else is changed. A
 * receiver that is lost before its turn is no failure: it comes back as it was, and gets the release by itself.
 */
import type { Member, Round, RoundEffect } from './round.ts'

/** A receiver that was told to leave must have said so within that. */
export const LEAVE_MS = 2_000
/** A receiver that was told to commit must have done so within that. */
export const COMMIT_MS = 60_000

export interface RollingOrder {
  size: number
  /** Between the moment in which a receiver is not ready any more, and its commit: requests under way end. */
  drainMs: number
  /** For so long it may take until it is ready again, hooks included. */
  readyMs: number
}

/** A receiver that is away. */
interface Away {
  readonly at: 'leaving' | 'draining' | 'committing' | 'returning'
  readonly sinceMs: number
}

export interface Rolling extends RollingOrder {
  readonly away: ReadonlyMap<string, Away>
  /** Which receiver failed, and how; null: none has. */
  readonly stopped: string | null
}

export function newRolling(order: RollingOrder): Rolling {
  return { ...order, away: new Map(), stopped: null }
}

export interface Rolled {
  rolling: Rolling
  members: ReadonlyMap<string, Member>
  effects: RoundEffect[]
  /** Nobody waits for a turn, and nobody is away. */
  isDone: boolean
}

/** What is due now, after whatever has happened. */
export function roll(rolling: Rolling, members: Round['members'], nowMs: number): Rolled {
  const away = new Map<string, Away>()
  const effects: RoundEffect[] = []
  for (const [name, before] of rolling.away) {
    const member = members.get(name)
    const after = member === undefined ? 'was lost' : nextOf(before, member, rolling, nowMs)
    if (typeof after === 'string') return stop(rolling, members, `${name} ${after}`)
    if (after === null) continue
    if (after.at === 'committing' && before.at !== 'committing') effects.push({ do: 'commit', name })
    away.set(name, after)
  }
  const next = new Map(members)
  for (const [name, member] of members) {
    if (away.size >= rolling.size) break
    if (member.standing !== 'staged') continue
    away.set(name, { at: 'leaving', sinceMs: nowMs })
    next.set(name, { ...member, standing: 'leaving' })
    effects.push({ do: 'drain', name })
  }
  return { rolling: { ...rolling, away }, members: next, effects, isDone: away.size === 0 }
}

/** When `roll` is due at the latest. */
export function rollsAt({ away, drainMs, readyMs }: Rolling): number | null {
  const times = [...away.values()].map(({ at, sinceMs }) => {
    return sinceMs + { leaving: LEAVE_MS, draining: drainMs, committing: COMMIT_MS, returning: readyMs }[at]
  })
  return times.length === 0 ? null : Math.min(...times)
}

/** @returns how it failed, or null when it is back */
function nextOf(
  before: Away,
  { standing, isReady, isFailing }: Member,
  { drainMs, readyMs }: Rolling,
  nowMs: number,
): Away | string | null {
  if (standing === 'gone') return 'was lost'
  if (isFailing) return 'cannot commit'
  const lasted = nowMs - before.sinceMs
  let { at, sinceMs } = before
  if (at === 'leaving') {
    if (standing === 'leaving') return lasted < LEAVE_MS ? before : 'did not leave the load balancer'
    at = 'draining'
    sinceMs = nowMs
  }
  if (at === 'draining' && nowMs - sinceMs >= drainMs) {
    at = 'committing'
    sinceMs = nowMs
  }
  if (at === 'committing') {
    if (standing !== 'committed')
      return nowMs - sinceMs < COMMIT_MS ? { at, sinceMs } : `has not committed within ${COMMIT_MS / 1000} s`
    at = 'returning'
    sinceMs = nowMs
  }
  if (at === 'returning' && isReady) return null
  if (at === 'returning' && nowMs - sinceMs >= readyMs) return `was not ready again within ${readyMs / 1000} s`
  return { at, sinceMs }
}

function stop(rolling: Rolling, members: Round['members'], stopped: string): Rolled {
  return { rolling: { ...rolling, away: new Map(), stopped }, members, effects: [], isDone: false }
}
