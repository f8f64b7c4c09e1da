/**
 * The order in which a burst makes files and symlinks visible. Pure.
 *
 *   new files ─▶ new names ─▶ new symlinks ─▶ replaced files ─▶ attributes ─▶ other names ─▶ replaced symlinks
 *
 * New objects come first, because nothing refers to them yet. A symlink may lead to files of the same changeset, and to
 * further names of them, so it comes after them, and a replaced symlink (`current`) comes last. A file that is replaced,
 * or gets its time, in the same burst gets its further names afterwards: a link is made to the version that is meant.
 */
import type { Operation } from '../ledger/operation.ts'

export type Placing = Extract<Operation, { do: 'place' }>
export type Setting = Extract<Operation, { do: 'attributes' | 'link' }>

/** @param settings a name comes after the name that it leads to. Operations of one rank stay in their order. */
export function inOrderOfVisibility(placings: readonly Placing[], settings: readonly Setting[]): Operation[] {
  const late = new Set<string>()
  for (const { path, replaces } of placings) if (replaces) late.add(path)
  for (const { do: step, path } of settings) if (step === 'attributes') late.add(path)
  const ranked: [rank: number, operation: Operation][] = placings.map((placing) => [rankOf(placing), placing])
  for (const setting of settings) {
    const isLate = setting.do === 'attributes' || setting.replaces || late.has(setting.to)
    if (isLate) late.add(setting.path)
    ranked.push([setting.do === 'attributes' ? 4 : isLate ? 5 : 1, setting])
  }
  return ranked.sort(([a], [b]) => a - b).map(([, operation]) => operation)
}

function rankOf({ kind, replaces }: Placing): number {
  if (kind === 'symlink') return replaces ? 6 : 2
  return replaces ? 3 : 0
}
