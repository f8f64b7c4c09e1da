/**
 * Pure: one round, which makes one commit of many receivers. `step` is total, and the test has its complete table.
 *
 *   collect ──all members have staged──────────────────────▶ decide ──decided──▶ go ──all committed or gone, or 10 s──▶ over
 *      └──deadline, or others are connected──▶ fence ──all left, or 2 s──▶ │
 *   collect ──nobody has staged after MOST_MS──▶ void
 *   a rolling release: collect or fence ──▶ roll ──all have had their turn──▶ decide
 *                                             ├──others are connected──▶ fence, and on
 *                                             └──one fails──▶ void, with its name
 *
 * Receivers that are not members (they were behind) are `aside`: they only have to leave before the others go. The
 * deadline is `patienceMs`, or twice the time that half of the members took, if that is longer. Members that cannot
 * commit do not count for that half. INVARIANT: `go` comes when each receiver has staged, has left, is gone, or had its
 * time to leave; and nobody waits longer than MOST_MS + FENCE_MS for anybody.
 */

import { GO_MS } from '../../root-messages.ts'
import { newRolling, type Rolling, type RollingOrder, roll, rollsAt } from './rolling.ts'

export const FENCE_MS = 2_000
export const MOST_MS = 300_000

export type Standing =
  /** It stages. */
  | 'staging'
  | 'staged'
  /** It is no member: it commits by itself, later. */
  | 'aside'
  /** It was told to leave. */
  | 'leaving'
  | 'left'
  /** It was told to leave, and did not say in time that it has. */
  | 'unfenced'
  | 'gone'
  | 'committed'

export interface Member {
  readonly standing: Standing
  readonly isFailing: boolean
  /** Its own probes say that visitors may come. */
  readonly isReady: boolean
  /** It was told to leave. */
  readonly isLate: boolean
  readonly stagedMs: number | null
  readonly committedMs: number | null
  /** From the first to the last call of its burst. */
  readonly burstMs: number | null
}

export interface Round {
  readonly at: 'collect' | 'fence' | 'roll' | 'decide' | 'go' | 'over' | 'void'
  /** The sequence at which it ends. */
  readonly to: number
  readonly members: ReadonlyMap<string, Member>
  readonly patienceMs: number
  readonly beganMs: number
  /** When the present state began. */
  readonly sinceMs: number
  /** When half of the members had staged; null: they have not yet. */
  readonly halfMs: number | null
  /** Null: all commit at once. */
  readonly rolling: Rolling | null
}

export type RoundEvent =
  | { type: 'staged' | 'left' | 'gone' | 'joined'; name: string }
  | { type: 'committed'; name: string; burstMs: number }
  | { type: 'failing'; name: string; isFailing: boolean }
  | { type: 'ready'; name: string; isReady: boolean }
  /** The decision to go is on the disk. */
  | { type: 'decided' }
  | { type: 'time' }

export type RoundEffect =
  | { do: 'leave'; names: string[] }
  /** It is this one's turn: tell it to leave, and later to commit. */
  | { do: 'drain' | 'commit'; name: string }
  /** Write down that the round goes. */
  | { do: 'decide' }
  /** Let all members commit. */
  | { do: 'go' }
  | { do: 'over' }
  | { do: 'void' }

export interface RoundStep {
  round: Round
  effects: RoundEffect[]
}

export interface RoundOrder {
  to: number
  members: Iterable<string>
  /** Receivers that have everything already. */
  done?: Iterable<string>
  aside: Iterable<string>
  /** Receivers that did not answer when they were told to leave before: nobody waits for them. */
  silent?: Iterable<string>
  patienceMs: number
  /** Null: all commit at once. */
  rolling?: RollingOrder | null
}

export function beginRound(order: RoundOrder, nowMs: number): RoundStep {
  const members = new Map<string, Member>()
  for (const name of order.done ?? []) members.set(name, { ...newMember('committed'), stagedMs: 0, committedMs: 0 })
  for (const name of order.silent ?? []) members.set(name, { ...newMember('unfenced'), isLate: true })
  for (const name of order.members) members.set(name, newMember('staging'))
  for (const name of order.aside) members.set(name, newMember('aside'))
  const { to, patienceMs } = order
  const rolling = order.rolling == null ? null : newRolling(order.rolling)
  const times = { beganMs: nowMs, sinceMs: nowMs, halfMs: null }
  return settle({ at: 'collect', to, members, patienceMs, rolling, ...times }, nowMs)
}

export function step(round: Round, event: RoundEvent, nowMs: number): RoundStep {
  if (round.at === 'over' || round.at === 'void') return { round, effects: [] }
  if (event.type === 'time') return settle(round, nowMs)
  if (event.type === 'decided') {
    if (round.at !== 'decide') return { round, effects: [] }
    const settled = settle({ ...round, at: 'go', sinceMs: nowMs }, nowMs)
    return { round: settled.round, effects: [{ do: 'go' }, ...settled.effects] }
  }
  const member = memberAfter(round, round.members.get(event.name), event, nowMs)
  if (member === null) return { round, effects: [] }
  const effects: RoundEffect[] =
    member.standing === 'leaving' && event.type === 'joined' ? [{ do: 'leave', names: [event.name] }] : []
  const settled = settle({ ...round, members: new Map(round.members).set(event.name, member) }, nowMs)
  return { round: settled.round, effects: [...effects, ...settled.effects] }
}

/** When `time` is due next; null: never. */
export function dueAt(round: Round): number | null {
  switch (round.at) {
    case 'collect':
      return deadlineOf(round)
    case 'fence':
      return round.sinceMs + FENCE_MS
    case 'go':
      return round.sinceMs + GO_MS
    case 'roll':
      return round.rolling === null ? null : rollsAt(round.rolling)
    default:
      return null
  }
}

function newMember(standing: Standing): Member {
  return { standing, isFailing: false, isReady: false, isLate: false, stagedMs: null, committedMs: null, burstMs: null }
}

/** @returns null when nothing changes */
function memberAfter(
  round: Round,
  member: Member | undefined,
  event: Extract<RoundEvent, { name: string }>,
  nowMs: number,
): Member | null {
  const afterMs = nowMs - round.beganMs
  if (event.type === 'joined') {
    if (member !== undefined && member.standing !== 'gone') return null
    // Who comes when the others are leaving is told at once; who comes later learns it from the welcome.
    const isTold = round.at !== 'collect' && round.rolling === null
    return { ...newMember(isTold ? 'leaving' : 'aside'), isLate: isTold }
  }
  if (member === undefined || member.standing === 'gone') return null
  switch (event.type) {
    case 'gone':
      return { ...member, standing: 'gone' }
    case 'failing':
      return { ...member, isFailing: event.isFailing }
    case 'ready':
      return { ...member, isReady: event.isReady }
    case 'staged':
      return member.standing === 'staging' ? { ...member, standing: 'staged', stagedMs: afterMs } : null
    case 'left':
      return member.standing === 'leaving' ? { ...member, standing: 'left' } : null
    case 'committed':
      return { ...member, standing: 'committed', committedMs: afterMs, burstMs: event.burstMs }
  }
}

function settle(before: Round, nowMs: number): RoundStep {
  const round = before.halfMs === null && isHalfThere(before) ? { ...before, halfMs: nowMs } : before
  const standings = [...round.members.values()].map(({ standing }) => standing)
  const has = (standing: Standing) => standings.includes(standing)
  switch (round.at) {
    case 'collect':
      if (!has('staging')) return has('aside') && !round.rolling ? fence(round, nowMs) : afterFence(round, nowMs)
      if (nowMs < deadlineOf(round)) return { round, effects: [] }
      // Nobody can: then the fault is not theirs.
      if (!has('staged') && !areAllFailing(round)) return enter(round, 'void', nowMs, [{ do: 'void' }])
      return fence(round, nowMs)
    case 'fence': {
      if (!has('leaving')) return afterFence(round, nowMs)
      if (nowMs < round.sinceMs + FENCE_MS) return { round, effects: [] }
      const members = mapped(round, (one) => (one.standing === 'leaving' ? { ...one, standing: 'unfenced' } : one))
      return afterFence({ ...round, members }, nowMs)
    }
    case 'roll':
      return rollOn(round, nowMs)
    case 'go':
      if (has('staged') && nowMs < round.sinceMs + GO_MS) return { round, effects: [] }
      return enter(round, 'over', nowMs, [{ do: 'over' }])
    default:
      return { round, effects: [] }
  }
}

function afterFence(round: Round, nowMs: number): RoundStep {
  if (round.rolling !== null) return rollOn({ ...round, at: 'roll', sinceMs: nowMs }, nowMs)
  return enter(round, 'decide', nowMs, [{ do: 'decide' }])
}

function rollOn(round: Round, nowMs: number): RoundStep {
  if (round.rolling === null) return { round, effects: [] }
  const { rolling, members, effects, isDone } = roll(round.rolling, round.members, nowMs)
  const rolled = { ...round, rolling, members }
  if (rolling.stopped !== null) return enter(rolled, 'void', nowMs, [{ do: 'void' }])
  if (!isDone) return { round: rolled, effects }
  const hasAside = [...members.values()].some(({ standing }) => standing === 'aside')
  return hasAside ? fence(rolled, nowMs, true) : enter(rolled, 'decide', nowMs, [{ do: 'decide' }])
}

/** All that have not staged are told to leave; those aside stay as they are until others have had their turns. */
function fence(round: Round, nowMs: number, isForAside = round.rolling === null): RoundStep {
  const names: string[] = []
  for (const [name, { standing }] of round.members)
    if (standing === 'staging' || (standing === 'aside' && isForAside)) names.push(name)
  const late = new Set(names)
  const members = mapped(round, (one, name) =>
    late.has(name) ? { ...one, standing: 'leaving' as const, isLate: true } : one,
  )
  return enter({ ...round, members }, 'fence', nowMs, [{ do: 'leave', names }])
}

function enter(round: Round, at: Round['at'], nowMs: number, effects: RoundEffect[]): RoundStep {
  return { round: { ...round, at, sinceMs: nowMs }, effects }
}

function mapped({ members }: Round, change: (member: Member, name: string) => Member): Map<string, Member> {
  return new Map([...members].map(([name, member]) => [name, change(member, name)]))
}

function deadlineOf(round: Round): number {
  const { beganMs, halfMs, patienceMs } = round
  if (halfMs === null) return beganMs + (areAllFailing(round) ? patienceMs : MOST_MS)
  return beganMs + Math.min(MOST_MS, Math.max(patienceMs, 2 * (halfMs - beganMs)))
}

function isHalfThere({ members }: Round): boolean {
  const able = [...members.values()].filter(
    ({ standing, isFailing }) => (standing === 'staging' && !isFailing) || standing === 'staged',
  )
  const staged = able.filter(({ standing }) => standing === 'staged').length
  return staged > 0 && 2 * staged >= able.length
}

function areAllFailing({ members }: Round): boolean {
  return [...members.values()].every(({ standing, isFailing }) => standing !== 'staging' || isFailing)
}
