/**
 * What is to be done about each entry of a listing, judged by what is there. Pure but for the names of a file that is
 * linked, which are looked up.
 */
import { joinPath, type ListedChildren, type ListedEntry, type Listing } from '@rootferry/protocol'
import type { ExtendedAttributes } from '../files/extended.ts'
import type { OwnerMap } from '../files/owner.ts'
import type { TimeGrains } from '../files/time-grains.ts'
import type { LinkedNames } from './linked-names.ts'
import type { LocalDirectory } from './local-scan.ts'
import { type Check, type Reconciliation, reconcile } from './reconcile.ts'

export interface VerdictParts {
  owners: OwnerMap
  extended: ExtendedAttributes
  grains: TimeGrains
  names: LinkedNames
}

/** A listing that came. */
export interface Page {
  directories: readonly ListedChildren[]
  verdicts: VerdictsOf
  /** The path that the listing began with, when it may not be in the listing. */
  top: string | null
  next: number
}

/** Compares entries of a group with the local ones. */
export type VerdictsOf = (
  group: ListedChildren,
  entries: readonly ListedEntry[],
  local: LocalDirectory,
) => Reconciliation[]

/** @param top the path that was asked for, with its first listing */
export function pageOf(
  { directories, users, groups }: Listing,
  top: string | null,
  parts: VerdictParts,
  check: Check,
): Page {
  const { owners, extended, grains, names } = parts
  const [ownerOf, idOf] = [owners.forMessage(users, groups), owners.idsOfMessage(users, groups)]
  const verdicts: VerdictsOf = (group, entries, local) => {
    const said = new Map(group.extended)
    const extendedOf = (name: string, mode: number) => extended.wanted(said.get(name), mode, idOf)
    const found = reconcile(entries, local.entries, ownerOf, check, grains, extendedOf)
    return extended.preserved.hardLinks && check !== 'attributes'
      ? withLinks(found, group, entries, local, names)
      : found
  }
  return { directories, verdicts, top, next: 0 }
}

/** Files that are right but for their links must come from the agent, which says how they are linked. */
function withLinks(
  verdicts: Reconciliation[],
  { path: directory, links }: ListedChildren,
  entries: readonly ListedEntry[],
  local: LocalDirectory,
  names: LinkedNames,
): Reconciliation[] {
  const firsts = new Map(links)
  const wanted = new Map<string, Reconciliation>()
  for (const [name, letter] of entries) {
    const found = local.entries.get(name)
    if (letter !== 'f' || found?.kind !== 'file') continue
    const verdict = names.judge(joinPath(directory, name), firsts.get(name) ?? null, found)
    // The content of a file that is to be another one comes, so that the one here is not kept.
    const mayHold = verdict === 'to be linked'
    if (verdict !== 'right') wanted.set(name, { name, do: 'want', difference: 'changed', size: found.size, mayHold })
  }
  const others = verdicts.filter(({ name, do: what }) => what === 'want' || !wanted.has(name))
  for (const { name } of others) wanted.delete(name)
  return [...others, ...wanted.values()]
}
