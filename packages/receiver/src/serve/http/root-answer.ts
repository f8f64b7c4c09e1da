/** What the status says of a root, made of its state. Pure. */
import { problemCount, type RootState } from '../root-state.ts'
import type { RootAnswer } from './status-schema.ts'

/** A node that loses against another one with its token dials again within five minutes. */
const CLASH_MS = 600_000

export function rootAnswer(root: RootState, nowMs: number): RootAnswer {
  const { head, disconnected, owed, clash, inDoubtSince, returning: _, ...state } = root
  const lag = { sequences: Math.max(0, head - state.sequence) }
  const { problems, hooks } = state
  return {
    ...state,
    problems: [...problems],
    problemCount: problemCount({ problems, owed }),
    clash: clash === null || nowMs - clash.heard.ms > CLASH_MS ? null : clash.text,
    hooks: [...hooks],
    disconnectedAt: disconnected?.at.toISOString() ?? null,
    inDoubt: inDoubtSince?.toISOString() ?? null,
    lag,
  }
}
