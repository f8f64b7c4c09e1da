/**
 * Pure: the life of one root. `step` is total, and the test has its complete table; the caller begins the effects in
 * their order.
 *
 *   starting ───found───▶ scanning ──a whole scan passes the guard──▶ ready
 *      │ ▲                  │ ▲ ▲                                      │
 *      │ └────displaced─────┘ │ └── accepted, or found as it was ──┐   │
 *   missing                   │                                    │   │
 *      ▼                      └──────── the guard says halt ─────▶ halted ◀── missing, replaced, or the guard says halt
 *   unavailable ──found──▶ scanning
 *
 * A halted root feeds nothing: its index stays as it is, receivers stay connected where they are, and their requests
 * wait. `unavailable` is a root that does not exist and of which the index knows nothing. An acceptance applies to what
 * the operator saw: it lasts for one scan of the whole tree, and ends with the directory for which it was given.
 * INVARIANT: the docroot is open in `scanning`, in `ready`, and in `halted` if `docroot` says so, and in no other
 * state.
 */
import type { GuardAnswer, RootStatus } from '../root-messages.ts'

export type RootLife =
  /** The directory was not looked for yet, or is about to be opened anew. */
  | { at: 'starting' }
  | { at: 'unavailable'; reason: string }
  /** The index may differ from the tree. With `isAccepted`, the next scan of the whole tree is not judged. */
  | { at: 'scanning'; isAccepted: boolean }
  | { at: 'ready' }
  | { at: 'halted'; reason: string; docroot: 'open' | 'closed' | 'missing'; isAccepted: boolean }
  | { at: 'closed' }

export type LifeEvent =
  /**
   * A directory is at the root's path, and none is open; `fault` is the reason why it must be taken for another one, or
   * null.
   */
  | { type: 'found'; fault: string | null }
  /** There is no directory that could be opened. */
  | { type: 'missing'; reason: string; isIndexEmpty: boolean }
  /** The open directory is no longer the one to watch, or must be watched in another way. */
  | { type: 'displaced' }
  /** A scan of the whole tree was recorded. */
  | { type: 'passed' }
  /** The guard halted a scan: none of it was recorded. */
  | { type: 'stopped'; reason: string }
  /** An operator accepts the root as it is. */
  | { type: 'accepted' }
  | { type: 'closed' }

export type LifeEffect =
  /** Watches and scans the docroot, which was opened for it. */
  | 'watch-docroot'
  | 'close-docroot'
  /** A scan of the whole tree. */
  | 'scan-whole'
  /** Looks for the directory at once. */
  | 'look-for-docroot'
  /** The index describes the directory that is open. */
  | 'tell-ready'
  | 'tell-halted'
  | 'tell-unavailable'
  /** The root is not halted any more: waiting requests continue. */
  | 'release'

export interface LifeStep {
  life: RootLife
  effects: LifeEffect[]
}

/**
 * How scans run: not at all, judged by the guard, one of the whole tree without a judgement, or of the whole tree only;
 * or, of a held root, without a judgement: its losses are judged when it is released.
 */
export type ScanMode = 'none' | 'judged' | 'accepted' | 'halted' | 'held'

export const BORN: RootLife = { at: 'starting' }

export function step(life: RootLife, event: LifeEvent): LifeStep {
  const next = life.at === 'closed' ? stay(life) : follow(life, event)
  const isReleased = life.at === 'halted' && next.life.at !== 'halted'
  return isReleased ? { life: next.life, effects: [...next.effects, 'release'] } : next
}

function follow(life: RootLife, event: LifeEvent): LifeStep {
  switch (event.type) {
    case 'found':
      return found(life, event.fault)
    case 'missing':
      return missing(life, event.reason, event.isIndexEmpty)
    case 'displaced':
      if (!isOpen(life)) return stay(life)
      if (life.at !== 'halted') return { life: { at: 'starting' }, effects: ['close-docroot'] }
      return { life: { ...life, docroot: 'closed' }, effects: ['close-docroot'] }
    case 'passed':
      if (!isOpen(life) || life.at === 'ready') return stay(life)
      return { life: { at: 'ready' }, effects: ['tell-ready'] }
    case 'stopped':
      return isOpen(life) ? halt(life, event.reason, 'open') : stay(life)
    case 'accepted':
      return accepted(life)
    case 'closed':
      return { life: { at: 'closed' }, effects: isOpen(life) ? ['close-docroot'] : [] }
  }
}

function found(life: RootLife, fault: string | null): LifeStep {
  if (isOpen(life)) return stay(life)
  const isAccepted = life.at === 'halted' && life.isAccepted
  if (fault !== null && !isAccepted) return halt(life, fault, 'closed')
  return { life: { at: 'scanning', isAccepted }, effects: ['watch-docroot'] }
}

function missing(life: RootLife, reason: string, isIndexEmpty: boolean): LifeStep {
  const closing: LifeEffect[] = isOpen(life) ? ['close-docroot'] : []
  if (!isIndexEmpty) {
    const { life: halted, effects } = halt(life, reason, 'missing')
    return { life: halted, effects: [...closing, ...effects] }
  }
  if (life.at === 'unavailable' && life.reason === reason) return stay(life)
  return { life: { at: 'unavailable', reason }, effects: [...closing, 'tell-unavailable'] }
}

function accepted(life: RootLife): LifeStep {
  if (life.at !== 'halted' || life.docroot === 'missing') return stay(life)
  if (life.docroot === 'open') return { life: { at: 'scanning', isAccepted: true }, effects: ['scan-whole'] }
  return { life: { ...life, isAccepted: true }, effects: ['look-for-docroot'] }
}

function halt(life: RootLife, reason: string, docroot: 'open' | 'closed' | 'missing'): LifeStep {
  const isKnown = life.at === 'halted' && life.reason === reason
  if (isKnown && life.docroot === docroot && !life.isAccepted) return stay(life)
  return { life: { at: 'halted', reason, docroot, isAccepted: false }, effects: isKnown ? [] : ['tell-halted'] }
}

function stay(life: RootLife): LifeStep {
  return { life, effects: [] }
}

/** Whether a directory that was found would be opened. */
export function wantsDocroot(life: RootLife, fault: string | null): boolean {
  return !isOpen(life) && isOpen(step(life, { type: 'found', fault }).life)
}

export function isOpen(life: RootLife): boolean {
  return life.at === 'scanning' || life.at === 'ready' || (life.at === 'halted' && life.docroot === 'open')
}

export function scanModeOf(life: RootLife, isHeld: boolean): ScanMode {
  if (!isOpen(life)) return 'none'
  if (life.at === 'halted') return 'halted'
  if (life.at === 'scanning' && life.isAccepted) return 'accepted'
  return isHeld ? 'held' : 'judged'
}

/** The answer to an operator who accepts the root as it is. */
export function answerToAcceptance(life: RootLife): GuardAnswer {
  if (life.at !== 'halted') return 'not-halted'
  return life.docroot === 'missing' ? 'root-missing' : 'accepted'
}

export function statusOf(life: RootLife): Pick<RootStatus, 'state' | 'reason'> {
  switch (life.at) {
    case 'unavailable':
    case 'halted':
      return { state: life.at, reason: life.reason }
    case 'ready':
      return { state: 'ready', reason: null }
    case 'starting':
    case 'scanning':
    case 'closed':
      return { state: 'scanning', reason: null }
  }
}
