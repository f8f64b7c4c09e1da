/**
 * Compares a part of the agent's listing of one directory with what is there, and says what has to be done. Pure.
 *
 * Content is decided by digest where the listing has one: a file of equal size is to be read and compared. Owners are
 * compared as they would be set here; LEAVE compares equal to everything.
 */
import { type ListedEntry, sameMtime } from '@rootferry/protocol'
import { type AttributeChange, attributeDifference, type DiskObject } from '../apply/disk-object.ts'
import type { LocalAttributes } from '../apply/staged-change.ts'
import type { LocalEntry } from './local-scan.ts'

export type Verdict =
  /** Has to come from the agent. */
  | { name: string; do: 'want'; difference: 'missing' | 'changed' }
  /** Has to be read: with this digest only `attributes` (null: nothing) has to be set, else it is wanted. */
  | { name: string; do: 'read'; size: number; digest: string; attributes: AttributeChange | null }
  /** Only attributes differ. */
  | { name: string; do: 'set'; kind: 'directory' | 'symlink'; attributes: AttributeChange }

/** @returns nothing for entries that are equal */
export function reconcile(
  listed: readonly ListedEntry[],
  local: ReadonlyMap<string, LocalEntry>,
  ownerOf: (uid: number, gid: number) => { uid: number; gid: number },
): Verdict[] {
  const verdicts: Verdict[] = []
  for (const entry of listed) {
    const [name, , mode, uid, gid, mtime] = entry
    const found = local.get(name)
    const verdict = compare(entry, found, { mode, mtime, ...ownerOf(uid, gid) })
    if (verdict !== null) verdicts.push(verdict)
  }
  return verdicts
}

function compare(entry: ListedEntry, found: LocalEntry | undefined, wanted: LocalAttributes): Verdict | null {
  const [name, letter] = entry
  if (found === undefined) return { name, do: 'want', difference: 'missing' }
  const changed: Verdict = { name, do: 'want', difference: 'changed' }
  if (letter === 'f') {
    const [, , , , , , size, digest] = entry
    if (found.kind !== 'file' || found.size !== size || digest === null) return changed
    return { name, do: 'read', size, digest, attributes: difference(found, wanted) }
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

function difference(found: DiskObject, wanted: LocalAttributes): AttributeChange | null {
  const mtime = sameMtime(found.mtime, wanted.mtime) ? found.mtime : wanted.mtime
  return attributeDifference(found, { ...wanted, mtime })
}
