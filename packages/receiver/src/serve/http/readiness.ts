/**
 * Pure decision: may a load balancer send visitors to this root?
 *
 * INVARIANT: what all nodes share does not count. An agent that is away, begins a new index or compares a whole target
 * makes no node unready that was ready before.
 */
import { awaitingText } from '../first-join.ts'
import { problemCount, type RootHook, type RootState } from '../root-state.ts'

/** One of a few words, for metrics, and a sentence. */
export interface NotReady {
  word: (typeof NOT_READY)[number]
  text: string
}

export const NOT_READY = [
  'awaiting-accept',
  'failing',
  'hook',
  'behind',
  'left-behind',
  'in-doubt',
  'first-sync',
  'starting',
  'stale',
] as const

/**
 * @param staleAfterSeconds null: a node without its agent stays ready
 * @param nowMs by the clock of durations, which nobody sets
 * @returns why it may not; null: it may
 */
export function notReady(root: RootState, staleAfterSeconds: number | null, nowMs: number): NotReady | null {
  return reasonOf(root) ?? staleReason(root, staleAfterSeconds, nowMs)
}

/** The same as a sentence that names the root. */
export function notReadyReason(root: RootState, staleAfterSeconds: number | null, nowMs: number): string | null {
  const reason = notReady(root, staleAfterSeconds, nowMs)
  return reason === null ? null : `${root.root}: ${reason.text}`
}

/** Since when a root has been without its agent; null: it has it. */
export function staleSince(roots: readonly RootState[]): Date | null {
  const times = roots.flatMap(({ connected, disconnected }) =>
    connected || disconnected === null ? [] : [disconnected.at.getTime()],
  )
  return times.length === 0 ? null : new Date(Math.min(...times))
}

function reasonOf(root: RootState): NotReady | null {
  const { awaitsAccept, failing, hooks, returning, isInService, isBehindOthers, wasComplete } = root
  const { leftBehind, inDoubtSince } = root
  if (awaitsAccept) return { word: 'awaiting-accept', text: awaitingText(root) }
  if (failing !== null) return { word: 'failing', text: failing }
  const hook = hooks.find(({ readyAfter, isDue, runs }, number) => isDue && (readyAfter || runs === returning[number]))
  if (hook !== undefined) return { word: 'hook', text: hookText(hook) }
  if (isBehindOthers)
    return {
      word: 'behind',
      text: `it missed changes that other receivers have, and is catching up${owedText(root)}`,
    }
  if (leftBehind !== null)
    return { word: 'left-behind', text: `others went on to ${leftBehind} without it, and it is at ${root.sequence}` }
  if (inDoubtSince !== null)
    return {
      word: 'in-doubt',
      text: `in doubt since ${inDoubtSince.toISOString()}: others may have gone on without it`,
    }
  if (isInService) return null
  if (!wasComplete) return { word: 'first-sync', text: `the first sync is not complete${owedText(root)}` }
  return { word: 'starting', text: `the receiver has started, and has not caught up yet${owedText(root)}` }
}

function staleReason(
  { connected, disconnected }: RootState,
  mostSeconds: number | null,
  nowMs: number,
): NotReady | null {
  if (connected || disconnected === null || mostSeconds === null) return null
  const seconds = (nowMs - disconnected.ms) / 1000
  return seconds < mostSeconds ? null : { word: 'stale', text: `not connected for ${Math.round(seconds)} s` }
}

const MOST_NAMED = 3

function owedText(root: RootState): string {
  const { problems } = root
  if (problems.length === 0) return ''
  const named = problems.slice(0, MOST_NAMED).map(({ path, code }) => `${path} (${code})`)
  const more = problemCount(root) - named.length
  return `; paths that cannot be made right: ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

function hookText({ command, lastError }: RootHook): string {
  return `the hook ${command} has not run${lastError === null ? '' : `: ${lastError}`}`
}
