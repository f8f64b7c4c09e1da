/** The steps of a burst, which a plan consists of and the burst carries out. Plain data; paths are entry paths. */
import type { DiskKind } from '@rootferry/host/machine'
import type { PathProblem } from '../../root-messages.ts'
import type { AttributeChange } from '../files/disk-object.ts'

export type Operation =
  /** Gives the owner of an existing directory access to it. */
  | { do: 'open'; path: string; mode: number }
  /** Empties and removes a directory that a file or symlink replaces. */
  | { do: 'vacate'; path: string }
  | { do: 'unlink'; path: string }
  /** Moves away an object, unknown to the agent, that is where a directory must be. */
  | { do: 'trash'; path: string; kind: DiskKind }
  | { do: 'mkdir'; path: string; mode: number }
  /** `replaces`: the rename replaces an existing object. */
  | {
      do: 'place'
      path: string
      kind: 'file' | 'directory' | 'symlink'
      staged: string
      size: number
      mtime: number
      replaces: boolean
    }
  | { do: 'attributes'; path: string; change: AttributeChange }
  /**
   * `isNeeded`: nothing else brings the content. `isOther`: the file at `to` is known to be another one than is meant,
   * whatever it looks like. `replaces`: something is there before the burst.
   */
  | {
      do: 'link'
      path: string
      to: string
      size: number
      mtime: number
      isNeeded: boolean
      isOther: boolean
      replaces: boolean
    }
  /** Removes a directory, unless something in it stays. */
  | { do: 'rmdir'; path: string }

/** `isOwn`: the change names the directory; otherwise the directory only gets back its former attributes. */
export interface Finish {
  path: string
  change: AttributeChange
  isOwn: boolean
}

/** The attributes of a directory before the burst touched it. */
export interface DirectoryBefore {
  path: string
  mode: number
  mtime: number
}

export interface Plan {
  operations: Operation[]
  finish: Finish[]
  before: DirectoryBefore[]
  /** Files whose content should have stayed and that are missing, or of another size. */
  owed: string[]
  /** Changes that cannot be made because something that stays is in the way. */
  blocked: string[]
  tally: { added: number; changed: number; removed: number }
}

/** The parts of a burst that could not be made right. */
export interface BurstOutcome {
  /** Paths whose content was missing here, or differed from what the agent assumed. */
  owed: string[]
  /** Paths whose change met a problem, their own or that of a directory above them. */
  failed: string[]
  /** The failed paths whose content is right, with its digest: it need not come again. */
  held: [path: string, digest: string][]
  problems: PathProblem[]
  /** Directories whose time or mode could not be restored. */
  unrestored: string[]
  /** Directories that the agent no longer has, and that stay because another filesystem is mounted there or below. */
  bordered: string[]
  /** Microseconds from its first to its last call. */
  micros: number
}
