/**
 * The state of one root for status, readiness and metrics: a value that each event replaces. Pure.
 *
 * Events come from the disk thread, from the link, and from the code that starts and stops both. INVARIANT: only
 * `nextRootState` makes a state from another.
 */
import type { HookStatus } from '@rootferry/host/daemon'
import {
  type DiskEvent,
  type FirstJoin,
  type HelloPosition,
  MOST_KNOWN,
  type PathProblem,
  type Phase,
  type TrashStatus,
} from '../root-messages.ts'

/** A time for people, and as a duration is measured. */
export interface Moment {
  readonly at: Date
  readonly ms: number
}

export interface RootState {
  readonly root: string
  readonly phase: Phase
  readonly connected: boolean
  /** What connects it. */
  readonly transport: 'websocket' | 'nats'
  /** The time since which it is not connected. */
  readonly disconnected: Moment | null
  /** Another node has used the token of this one, and when that was heard. */
  readonly clash: { readonly text: string; readonly heard: Moment } | null
  /** The root was live once since this process started. */
  readonly synced: boolean
  /** It missed changes that at least half of the root's receivers have. */
  readonly isBehindOthers: boolean
  /** The end of a round that went without it: not ready before that is committed. */
  readonly leftBehind: number | null
  /**
   * By hook: how often it had run when the node had what others had without it, if it was due then. The node comes back when each
   * of these has run once more, well or not.
   */
  readonly returning: readonly (number | null)[]
  /** The end of what is staged and waits for the agent's word to become visible. */
  readonly prepared: number | null
  /** Since when others may have made that visible without it. */
  readonly inDoubtSince: Date | null
  /** It may serve visitors: it was live once, or was complete before and waited for the agent in vain. */
  readonly isInService: boolean
  readonly sequence: number
  readonly durableSequence: number
  /** The agent's head, as far as the agent has reported it. */
  readonly head: number
  readonly staged: { readonly entries: number; readonly bytes: number }
  /** Bytes copied on this host since this process started: a copy that takes long is seen to go on. */
  readonly copied: number
  readonly lastError: string | null
  readonly failing: string | null
  readonly problems: readonly PathProblem[]
  /** Paths that the agent was told of: there may be more than those that are known by name. */
  readonly owed: number
  readonly trash: TrashStatus
  /** Differences that resyncs have found since this process started. */
  readonly differences: { readonly missing: number; readonly changed: number; readonly extraneous: number }
  /** The plan of the first join, if there was one since this process started. */
  readonly firstJoin: FirstJoin | null
  /** The first join waits for an operator, also while the agent is away. */
  readonly awaitsAccept: boolean
  readonly hooks: readonly RootHook[]
  /** The target once held everything that its agent had; also after a restart, and while the agent is away. */
  readonly wasComplete: boolean
}

/** With whether readiness waits for its runs. */
export type RootHook = HookStatus & { readonly readyAfter: boolean }

export type RootEvent =
  | DiskEvent
  /** The disk thread is ready; failures and problems that an earlier thread reported are found out anew. */
  | { type: 'opened'; sequence: number; durable: number }
  /** The target cannot be opened. */
  | { type: 'refused'; message: string }
  /** An operator accepted the first join. */
  | { type: 'accepted' }
  | { type: 'died' }
  /** A hook ran, or is to run. */
  | { type: 'hooks'; hooks: readonly RootHook[] }
  /** The disk thread has reported its position for a new connection. */
  | { type: 'position'; position: HelloPosition }
  | { type: 'connected' }
  /** The log on NATS is read; or why it is not, and the agent is dialled. */
  | { type: 'log-read'; why: string | null; isForged: boolean }
  /** What is prepared has waited too long for a word of the agent. */
  | { type: 'doubted' }
  /** The doubt has lasted long enough: the tree as it is serves visitors. */
  | { type: 'trusted' }
  /** The agent was not reached for as long as a complete target waits for it. */
  | { type: 'waited' }
  /** `error` is null when the disconnection was requested. */
  | { type: 'disconnected'; error: string | null }
  /** This root replaces one that was closed for other settings. */
  | { type: 'succeeded'; before: RootState }

/** Paths that cannot be made right, of which the last MOST_KNOWN are known by name. */
export function problemCount({ problems, owed }: Pick<RootState, 'problems' | 'owed'>): number {
  return Math.max(problems.length, owed)
}

export function newRootState(root: string, now: Moment): RootState {
  return {
    root,
    phase: 'idle',
    connected: false,
    transport: 'websocket',
    disconnected: now,
    clash: null,
    synced: false,
    isBehindOthers: false,
    leftBehind: null,
    returning: [],
    prepared: null,
    inDoubtSince: null,
    isInService: false,
    sequence: 0,
    durableSequence: 0,
    head: 0,
    staged: { entries: 0, bytes: 0 },
    copied: 0,
    lastError: null,
    failing: null,
    problems: [],
    owed: 0,
    trash: { batches: 0, bytes: 0, oldestAt: null },
    differences: { missing: 0, changed: 0, extraneous: 0 },
    firstJoin: null,
    awaitsAccept: false,
    hooks: [],
    wasComplete: false,
  }
}

export function nextRootState(state: RootState, event: RootEvent, now: Moment): RootState {
  switch (event.type) {
    case 'opened':
      return { ...state, failing: null, problems: [], owed: 0, ...positionOf(event) }
    case 'refused':
      return { ...state, failing: event.message }
    case 'accepted':
      return { ...state, awaitsAccept: false }
    case 'died':
      return { ...state, failing: state.failing ?? 'the disk thread died, and is being restarted' }
    case 'position':
      return { ...state, ...positionOf(event.position) }
    case 'connected':
      return { ...state, connected: true, disconnected: null, lastError: null }
    case 'log-read':
      return { ...state, transport: event.why === null ? 'nats' : 'websocket' }
    case 'doubted':
      return { ...state, inDoubtSince: state.prepared === null ? null : now.at }
    case 'trusted':
      return { ...state, inDoubtSince: null }
    case 'waited':
      return { ...state, isInService: state.isInService || (state.wasComplete && !state.connected) }
    case 'disconnected':
      return { ...state, connected: false, disconnected: state.disconnected ?? now, lastError: event.error }
    case 'hooks':
      return { ...state, hooks: event.hooks }
    case 'succeeded':
      return succeeding(state, event.before)
    default:
      return afterDiskEvent(state, event, now)
  }
}

/** A node that others have left behind stays that with other settings. */
function succeeding(
  state: RootState,
  { synced, isInService, isBehindOthers, leftBehind, clash }: RootState,
): RootState {
  return { ...state, synced, isInService, isBehindOthers, leftBehind, clash }
}

function positionOf({ sequence, durable }: { sequence: number; durable: number }) {
  return { sequence, durableSequence: durable }
}

function afterDiskEvent(state: RootState, event: DiskEvent, now: Moment): RootState {
  switch (event.type) {
    case 'committed':
      return afterCommit(state, event.as === 'changeset' ? event.sequence : state.sequence, event.head)
    case 'durable':
      return { ...state, durableSequence: event.sequence }
    case 'phase':
      return afterPhase(state, event.phase)
    case 'standing':
      return {
        ...state,
        sequence: event.sequence,
        head: event.head,
        isBehindOthers: event.isBehind,
        leftBehind: event.leftBehind,
        clash: event.clash === null ? state.clash : { text: event.clash, heard: now },
      }
    case 'resynced':
      return afterCommit(state, event.sequence, event.head)
    case 'prepared':
      return { ...state, prepared: event.sequence, inDoubtSince: null }
    case 'leave':
      // A release that leaves it behind ends above a hold that does.
      return { ...state, leftBehind: Math.max(state.leftBehind ?? 0, event.to) }
    case 'head':
      return { ...state, head: Math.max(state.head, event.head) }
    case 'complete':
      // Another directory, or one that was emptied, has to be synchronized first.
      return { ...state, wasComplete: event.isComplete, isInService: state.isInService && event.isComplete }
    case 'trash':
      return { ...state, trash: event.status }
    case 'differences':
      return { ...state, differences: sum(state.differences, event) }
    case 'first-join':
      return { ...state, firstJoin: event.plan }
    case 'progress':
      return { ...state, staged: { entries: event.entries, bytes: event.bytes } }
    case 'copied':
      return { ...state, copied: state.copied + event.bytes }
    case 'failing':
      return { ...state, failing: event.error === null ? null : `${event.error.code}: ${event.error.message}` }
    case 'problem': {
      const { path, code, message } = event
      const others = state.problems.filter((problem) => problem.path !== path)
      return { ...state, problems: [...others, { path, code, message }].slice(-MOST_KNOWN) }
    }
    case 'mended':
      return { ...state, problems: state.problems.filter(({ path }) => !event.paths.includes(path)) }
    case 'owed':
      return { ...state, owed: event.count }
    case 'due':
    case 'recovered':
    case 'kept':
    case 'consumed':
    case 'log':
    case 'broken':
      return state
  }
}

function afterCommit(state: RootState, sequence: number, head: number): RootState {
  const { leftBehind, hooks } = state
  if (leftBehind === null || sequence < leftBehind) return { ...state, sequence, head }
  const returning = hooks.map(({ isDue, runs }) => (isDue ? runs : null))
  return { ...state, sequence, head, leftBehind: null, returning }
}

function afterPhase(state: RootState, phase: Phase): RootState {
  // A repeated look, and time without the agent, leave the question open.
  const staysOpen = phase === 'idle' || phase === 'resyncing'
  const awaitsAccept = phase === 'awaiting-accept' || (staysOpen && state.awaitsAccept)
  const isLive = phase === 'live'
  return {
    ...state,
    phase,
    synced: state.synced || isLive,
    isInService: state.isInService || isLive,
    isBehindOthers: state.isBehindOthers && !isLive,
    awaitsAccept,
  }
}

function sum(one: RootState['differences'], other: RootState['differences']): RootState['differences'] {
  return {
    missing: one.missing + other.missing,
    changed: one.changed + other.changed,
    extraneous: one.extraneous + other.extraneous,
  }
}
