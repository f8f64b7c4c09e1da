/**
 * Compares a part of the agent's listing of one directory with the local entries, and says what must be done. Pure.
 *
 * Files of equal size are told apart as the check says. `content`: by the digest if the listing has one, else by time.
 * `strict`: by the digest, and a file whose digest the agent does not know counts as different. `metadata`: by time.
 * `attributes`: owners and modes alone are compared, of objects of the same kind. Owners are compared as they would be set here; LEAVE compares equal to everything.
 */
import { type ListedEntry, sameMtime } from '@rootferry/protocol'
import { type AttributeChange, attributeDifference } from '../files/disk-object.ts'
import type { LocalExtended } from '../files/extended.ts'
import type { LocalAttributes } from '../files/staged-change.ts'
import type { TimeGrains } from '../files/time-grains.ts'
import type { LocalEntry } from './local-scan.ts'

export type Check = 'metadata' | 'content' | 'strict' | 'attributes'

export type Reconciliation =
  /** Must come from the agent: `size` bytes, except for a file that `mayHold` the content already. */
  | { name: string; do: 'want'; difference: 'missing' | 'changed'; size: number; mayHold: boolean }
  /** Must be read: with this digest only `attributes` (null: nothing) must be set, else the file is wanted. */
  | { name: string; do: 'read'; size: number; digest: string; attributes: AttributeChange | null }
  /** A directory in the way of an entry that the agent cannot describe now, except that it is not a directory. */
  | { name: string; do: 'leave' }
  /** Something is in the place of a file that the agent cannot describe now: asked for, it is kept when that comes. */
  | { name: string; do: 'ask' }
  /** Only attributes differ. */
  | { name: string; do: 'set'; kind: 'file' | 'directory' | 'symlink'; attributes: AttributeChange }

const KINDS = { f: 'file', d: 'directory', l: 'symlink' } as const

export type Grains = Pick<TimeGrains, 'isSame'>

/**
 * @param extendedOf what an entry is to have besides attributes; null: the root preserves nothing
 * @returns nothing for equal entries, nor, unless strict, for files that the agent cannot describe now
 */
export function reconcile(
  listed: readonly ListedEntry[],
  local: ReadonlyMap<string, LocalEntry>,
  ownerOf: (uid: number, gid: number) => { uid: number; gid: number },
  check: Check,
  grains: Grains = { isSame: ({ mtime }, wanted) => sameMtime(mtime, wanted) },
  extendedOf: (name: string, mode: number) => LocalExtended | null = () => null,
): Reconciliation[] {
  const verdicts: Reconciliation[] = []
  for (const entry of listed) {
    if (entry[1] === 'u') {
      const kind = local.get(entry[0])?.kind
      if (check !== 'attributes' && kind === 'directory') verdicts.push({ name: entry[0], do: 'leave' })
      else if (check === 'strict' && kind !== undefined) verdicts.push({ name: entry[0], do: 'ask' })
      continue
    }
    const [name, , mode, uid, gid, mtime] = entry
    const extended = extendedOf(name, mode)
    const own = { mode, mtime, ...ownerOf(uid, gid) }
    const wanted = extended === null ? own : { ...own, extended }
    const found = local.get(name)
    const verdict =
      check === 'attributes'
        ? compareAttributes(entry, found, wanted)
        : compare(entry, found, asThere(found, wanted, grains), check)
    if (verdict !== null) verdicts.push(verdict)
  }
  return verdicts
}

/** The time that is there, where it is the wanted one as far as the filesystem can keep it. */
function asThere(found: LocalEntry | undefined, wanted: LocalAttributes, grains: Grains): LocalAttributes {
  return found !== undefined && grains.isSame(found, wanted.mtime) ? { ...wanted, mtime: found.mtime } : wanted
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
    const attributes = attributeDifference(found, wanted)
    return attributes === null ? null : { name, do: 'set', kind: 'directory', attributes }
  }
  if (found.kind !== 'symlink' || found.target !== entry[6]) return changed
  // A symlink has no mode of its own.
  const attributes = attributeDifference(found, { ...wanted, mode: found.mode })
  return attributes === null ? null : { name, do: 'set', kind: 'symlink', attributes: { ...attributes, mode: null } }
}

/** The time is left alone, and so is the content. */
function compareAttributes(
  [name, letter]: Exclude<ListedEntry, [string, 'u']>,
  found: LocalEntry | undefined,
  wanted: LocalAttributes,
): Reconciliation | null {
  const kind = KINDS[letter]
  if (found?.kind !== kind) return null
  const mode = kind === 'symlink' ? found.mode : wanted.mode
  const attributes = attributeDifference(found, { ...wanted, mode, mtime: found.mtime })
  if (attributes === null) return null
  return { name, do: 'set', kind, attributes: kind === 'symlink' ? { ...attributes, mode: null } : attributes }
}

/** Both are files, of the same size. */
function compareFile(
  name: string,
  found: LocalEntry,
  wanted: LocalAttributes,
  digest: string | null,
  check: Check,
): Reconciliation | null {
  const attributes = attributeDifference(found, wanted)
  const { size } = found
  if (check !== 'metadata' && digest !== null) return { name, do: 'read', size, digest, attributes }
  if (check === 'strict') return { name, do: 'want', difference: 'changed', size, mayHold: false }
  if (found.mtime !== wanted.mtime) return { name, do: 'want', difference: 'changed', size, mayHold: true }
  return attributes === null ? null : { name, do: 'set', kind: 'file', attributes }
}
