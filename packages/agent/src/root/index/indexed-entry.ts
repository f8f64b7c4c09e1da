/**
 * The index's record of a path as the rest of the thread sees it, and how it is read from a row.
 *
 * A row of kind 0 is a tombstone. The root's own row is in a directory of its own, above the root.
 */
import { ABOVE_ROOT, type EntryKind, type Extended, joinPath, parentPath, ROOT_PATH } from '@rootferry/protocol'
import type { Row } from './entry-rows.ts'

/** The status of an object that can be sent, and the target of a symlink. */
export interface Observation {
  kind: EntryKind
  mode: number
  uid: number
  gid: number
  size: number
  mtime: number
  /** Microseconds; 0 when it is too recent to tell a later write from this one. For a directory: its birth. */
  ctime: number
  inode: number
  target: string | null
  /** What the root preserves of it besides, as the text of an `Extended`; '' is nothing, null: it was not looked at. */
  extended: string | null
  /** The same number for all names of one file; 0: it has one name, or the root does not preserve hard links. */
  link: number
}

/** A row without its digest, which most callers do not need and which is in a table of its own. */
export interface KnownEntry extends Observation {
  path: string
  sequence: number
  /** Sequence at which the bytes last changed: names this version of the content within the epoch. */
  content: number
}

export interface IndexedEntry extends KnownEntry {
  digest: string | null
}

export interface Tombstone {
  path: string
  kind: 'absent'
  sequence: number
  /** Sequence at which the bytes that were there last changed, and how many they were. */
  content: number
  size: number
}

/** @see changed-parts.ts for `changed` */
export type IndexedChange = (IndexedEntry & { changed: number }) | Tombstone

/** A scan's finding at a path: `digest` is null when unknown; `sameBytes` keeps the content number. */
export type Finding =
  | { path: string; observation: Observation; digest: string | null; sameBytes: boolean }
  | { path: string; observation: null }

export const KINDS = { file: 1, directory: 2, symlink: 3 } as const
const KIND_NAMES: readonly (EntryKind | null)[] = [null, 'file', 'directory', 'symlink']
export const TOMBSTONE = 0

/** The root's own row is in a directory of its own, above the root. */
export function parentOf(path: string): string {
  return path === ROOT_PATH ? ABOVE_ROOT : parentPath(path)
}

export function childPath(directory: string, name: string): string {
  return directory === ABOVE_ROOT ? ROOT_PATH : joinPath(directory, name)
}

/** The `extended` field of the message that tells of an entry: none where it has nothing of what is preserved. */
export function extendedOf({ extended }: Pick<Observation, 'extended'>): { extended?: Extended } {
  return extended === null || extended === '' ? {} : { extended: JSON.parse(extended) as Extended }
}

export function toEntry(path: string, row: Row): IndexedEntry {
  return { ...toKnown(path, row), digest: row.digest }
}

export function toKnown(path: string, row: Row): KnownEntry {
  const kind = KIND_NAMES[row.kind]
  if (kind === null || kind === undefined) throw new Error(`index row of kind ${row.kind}`)
  return {
    path,
    kind,
    mode: row.mode,
    uid: row.uid,
    gid: row.gid,
    size: row.size,
    mtime: row.mtime,
    ctime: row.ctime,
    inode: row.inode,
    target: row.target,
    extended: row.extended,
    link: row.link,
    sequence: row.sequence,
    content: row.content,
  }
}
