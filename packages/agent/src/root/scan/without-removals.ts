/** Pure decisions about findings of a scan and what it has found to be gone. */
import { parentPath } from '@rootferry/protocol'
import type { EntryIndex } from '../index/entry-index.ts'
import type { KnownEntry } from '../index/indexed-entry.ts'
import { isMoved } from './difference.ts'
import type { Found } from './swaps.ts'

export interface FoundAndGone {
  index: Pick<EntryIndex, 'get' | 'childrenAfter'>
  /** By path, in order of discovery. */
  findings: ReadonlyMap<string, Found>
  removals: ReadonlyMap<string, KnownEntry>
  /** Findings that take a directory's place. */
  replacing: ReadonlySet<string>
}

/**
 * The findings that are recorded although the removals are held back. Both halves of a move wait: without the arrival,
 * the removal would count as a deletion at the next look. Everything in a directory that waits also waits, and so do the
 * times of a directory from which an entry may have been deleted.
 */
export function withoutRemovals(all: FoundAndGone): { taken: Found[]; isAll: boolean } {
  const { index, findings, removals, replacing } = all
  const gone = new Map([...removals.values()].map((entry) => [entry.inode, entry]))
  const dated = new Set([...removals.keys()].map(parentPath))
  const taken: Found[] = []
  const waiting = new Set<string>()
  for (const finding of findings.values()) {
    const { path, observation } = finding
    const origin = gone.get(observation.inode)
    const isArrival = origin !== undefined && isMoved(origin, observation) && index.get(path) === null
    // Parents are discovered before their entries.
    if (isArrival || replacing.has(path) || waiting.has(parentPath(path))) waiting.add(path)
    else if (!dated.has(path) || index.get(path) === null) taken.push(finding)
  }
  return { taken, isAll: waiting.size === 0 }
}

/** Paths of removals that are not recorded, each to be taken out of them at once: another scan knows better. */
export function* staying(all: FoundAndGone, isCurrent: (entry: KnownEntry) => boolean): Generator<string> {
  const downwards = [...all.removals.values()].sort((a, b) => (a.path < b.path ? 1 : -1))
  for (const entry of downwards)
    if (!isCurrent(entry) || (entry.kind === 'directory' && !goesWhole(all, entry.path))) yield entry.path
}

/** Whether all that the index has in a directory is gone. */
export function goesWhole({ index, removals }: FoundAndGone, directory: string): boolean {
  for (let after: string | null = ''; after !== null; ) {
    const { entries, next } = index.childrenAfter(directory, after)
    if (entries.some(({ path }) => !removals.has(path))) return false
    after = next
  }
  return true
}
