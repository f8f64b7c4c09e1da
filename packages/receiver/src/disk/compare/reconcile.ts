/**
 * Compares a part of the agent's listing of one directory with what is there, and says what has to be done. Pure.
 *
 * What tells the content of a file of equal size apart depends on the check. `content`: its digest where the listing
 * has one, else its time. `strict`: its digest, and one that the agent does not know is taken to be another.
 * `metadata`: its time. Owners are compared as they would be set here; LEAVE compares equal to everything.
 */
import { type ListedEntry, sameMtime } from '@rootferry/protocol'
import { type AttributeChange, attributeDifference, type DiskObject } from '../files/disk-object.ts'
import type { LocalAttributes } from '../files/staged-change.ts'
import type { LocalEntry } from './local-scan.ts'

export type Check = 'metadata' | 'content' | 'strict'

export type Reconciliation =
  /** Has to come from the agent: `size` bytes, but for a file that `mayHold` the content already. */
  | { name: string; do: 'want'; difference: 'missing' | 'changed'; size: number; mayHold: boolean }
  /** Has to be read: with this digest only `attributes` (null: nothing) has to be set, else it is wanted. */
  | { name: string; do: 'read'; size: number; digest: string; attributes: AttributeChange | null }
  /** A directory in the way of something that the agent cannot tell of at present, but that it is none. */
  | { name: string; do: 'leave' }
  /** Only attributes differ. */
  | { name: string; do: 'set'; kind: 'file' | 'directory' | 'symlink'; attributes: AttributeChange }

/** @returns nothing for entries that are equal, and for files that the agent does not know at present */
export function reconcile(
  listed: readonly ListedEntry[],
  local: ReadonlyMap<string, LocalEntry>,
  ownerOf: (uid: number, gid: number) => { uid: number; gid: number },
  check: Check,
): Reconciliation[] {
  const verdicts: Reconciliation[] = []
  for (const entry of listed) {
    if (entry[1] === 'u') {
      if (local.get(entry[0])?.kind === 'directory') verdicts.push({ name: entry[0], do: 'leave' })
      continue
    }
    const [name, , mode, uid, gid, mtime] = entry
    const verdict = compare(entry, local.get(name), { mode, mtime, ...ownerOf(uid, gid) }, check)
    if (verdict !== null) verdicts.push(verdict)
  }
  return verdicts
}

function compare(
  entry: Exclude<ListedEntry, [string, 'u']>,
  found: LocalEntry | undefined,
  wanted: LocalAttributes,
  check: Check,
): Reconciliation | null {
  const [name, letter] = entry
  const size = letter === 'f' ? entry[6] : 0
  if (found === undefined) return { name, do: 'want', difference: 'missing', size, mayHold: false }
  const changed = { name, do: 'want', difference: 'changed', size, mayHold: false } as const
  if (letter === 'f') {
    if (found.kind !== 'file' || found.size !== size) return changed
    return compareFile(name, found, wanted, entry[7], check)
  }
  if (letter === 'd') {
    if (found.kind !== 'directory') return changed
    const attributes = difference(found, wanted)
    return attributes === null ? null : { name, do: 'set', kind: 'directory', attributes }
  }
  if (found.kind !== 'symlink' || found.target !== entry[6]) return changed
  // A symlink's mode is not its own to set.
  const attributes = difference(found, { ...wanted, mode: found.mode })
  return attributes === null ? null : { name, do: 'set', kind: 'symlink', attributes: { ...attributes, mode: null } }
}

/** Both are files, of the same size. */
function compareFile(
  name: string,
  found: LocalEntry,
  wanted: LocalAttributes,
  digest: string | null,
  check: Check,
): Reconciliation | null {
  const attributes = difference(found, wanted)
  const { size } = found
  if (check !== 'metadata' && digest !== null) return { name, do: 'read', size, digest, attributes }
  if (check === 'strict') return { name, do: 'want', difference: 'changed', size, mayHold: false }
  if (!sameMtime(found.mtime, wanted.mtime)) return { name, do: 'want', difference: 'changed', size, mayHold: true }
  return attributes === null ? null : { name, do: 'set', kind: 'file', attributes }
}

function difference(found: DiskObject, wanted: LocalAttributes): AttributeChange | null {
  const mtime = sameMtime(found.mtime, wanted.mtime) ? found.mtime : wanted.mtime
  return attributeDifference(found, { ...wanted, mtime })
}
