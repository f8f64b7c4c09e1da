/**
 * Pure decision: may a load balancer send visitors to this root?
 *
 * INVARIANT: what all nodes share does not count. An agent that is away, begins a new index or compares a whole target
 * makes no node unready that was ready before.
 */
import { awaitingText } from '../first-join.ts'
import { problemCount, type RootHook, type RootState } from '../root-state.ts'

/**
 * @param staleAfterSeconds null: a node without its agent stays ready
 * @param nowMs by the clock of durations, which nobody sets
 * @returns why it may not; null: it may
 */
export function notReadyReason(root: RootState, staleAfterSeconds: number | null, nowMs: number): string | null {
  const reason = reasonOf(root) ?? staleReason(root, staleAfterSeconds, nowMs)
  return reason === null ? null : `${root.root}: ${reason}`
}

/** Since when a root has been without its agent; null: it has it. */
export function staleSince(roots: readonly RootState[]): Date | null {
  const times = roots.flatMap(({ connected, disconnected }) =>
    connected || disconnected === null ? [] : [disconnected.at.getTime()],
  )
  return times.length === 0 ? null : new Date(Math.min(...times))
}

function reasonOf(root: RootState): string | null {
  const { awaitsAccept, failing, hooks, isInService, isBehindOthers, wasComplete } = root
  if (awaitsAccept) return awaitingText(root)
  if (failing !== null) return failing
  const hook = hooks.find(({ readyAfter, isDue }) => readyAfter && isDue)
  if (hook !== undefined) return hookText(hook)
  if (isBehindOthers) return `it missed changes that other receivers have, and is catching up${owedText(root)}`
  if (root.leftBehind !== null) return `others went on to ${root.leftBehind} without it, and it is at ${root.sequence}`
  if (root.inDoubtSince !== null)
    return `in doubt since ${root.inDoubtSince.toISOString()}: others may have gone on without it`
  if (isInService) return null
  if (!wasComplete) return `the first sync is not complete${owedText(root)}`
  return `the receiver has started, and has not caught up yet${owedText(root)}`
}

function staleReason({ connected, disconnected }: RootState, mostSeconds: number | null, nowMs: number): string | null {
  if (connected || disconnected === null || mostSeconds === null) return null
  const seconds = (nowMs - disconnected.ms) / 1000
  return seconds < mostSeconds ? null : `not connected for ${Math.round(seconds)} s`
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
