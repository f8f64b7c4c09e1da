/**
 * A change in the form in which this receiver commits it: owners are local numbers, and the content is verified and
 * lies in the staging directory under `staged`. An intent records it, so it is plain data that survives JSON.
 *
 * A staged name is a number, or `<number>/<name>` for an entry inside a directory that is new itself: one rename makes
 * such a directory visible with everything in it.
 */

import type { LocalExtended } from './extended.ts'

/** In place of a uid or gid: leave the owner as it is. */
export const LEAVE = -1

export interface LocalAttributes {
  mode: number
  uid: number
  gid: number
  /** Microseconds since 1970. */
  mtime: number
  /** All that the object is to have of what the root preserves besides; absent: nothing is said about that. */
  extended?: LocalExtended
}

/** Some of an object's attributes were refused; it is right otherwise. */
export interface Lack {
  code: string
  message: string
}

export interface StagedAbsence {
  kind: 'absent'
  path: string
}
/** `staged` is null when the directory is on disk already. */
export interface StagedDirectory extends LocalAttributes {
  kind: 'directory'
  path: string
  staged: string | null
  /** The mode of which it was when it was staged, where that was another one. */
  stagedMode?: number
}
export interface StagedSymlink extends LocalAttributes {
  kind: 'symlink'
  path: string
  staged: string
  lacks?: Lack
}
/** `staged` is null when the content on disk stays and only attributes change. */
export interface StagedFile extends LocalAttributes {
  kind: 'file'
  path: string
  size: number
  staged: string | null
  /** Of the content, where attributes or links may be refused: the content need not come again for them. */
  digest?: string
  /** It becomes another name of the file there, if that is the same. */
  link?: string
  lacks?: Lack
}
/** Another name of the file at `to`, as that is after the burst: of this size and time. */
export interface StagedLink {
  kind: 'link'
  path: string
  to: string
  size: number
  mtime: number
}
export type StagedChange = StagedAbsence | StagedDirectory | StagedSymlink | StagedFile | StagedLink

/** The kind that patterns see. */
export function kindOfChange({ kind }: StagedChange): Exclude<StagedChange['kind'], 'link'> {
  return kind === 'link' ? 'file' : kind
}
