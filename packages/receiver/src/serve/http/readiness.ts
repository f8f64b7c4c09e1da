/** Pure decision: may a load balancer send visitors to this root? */
import { awaitingText } from '../first-join.ts'
import type { HookStatus } from '../hooks.ts'
import type { RootState } from '../root-state.ts'

/** @returns the reason why it may not, or null when it may */
export function notReadyReason(root: RootState, staleAfterSeconds: number, now: Date): string | null {
  if (root.awaitsAccept) return `${root.root}: ${awaitingText(root)}`
  if (root.failing !== null) return `${root.root}: ${root.failing}`
  const hook = root.hooks.find(({ readyAfter, isDue }) => readyAfter && isDue)
  if (hook !== undefined) return `${root.root}: ${hookText(hook)}`
  if (!root.synced) return `${root.root}: the first sync is not complete`
  if (root.phase === 'resyncing') return `${root.root}: a resync is under way`
  if (root.connected || root.disconnectedAt === null) return null
  const seconds = (now.getTime() - root.disconnectedAt.getTime()) / 1000
  return seconds < staleAfterSeconds ? null : `${root.root}: not connected for ${Math.round(seconds)} s`
}

function hookText({ command, lastError }: HookStatus): string {
  return `the hook ${command} has not run${lastError === null ? '' : `: ${lastError}`}`
}
