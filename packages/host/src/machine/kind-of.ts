/** The kind of object that a status or a directory entry describes, in one word. Pure. */
import type { Dirent, Stats } from 'node:fs'

export type DiskKind = 'file' | 'directory' | 'symlink' | 'other'

type Described = Pick<Stats | Dirent<string | NonSharedBuffer>, 'isFile' | 'isDirectory' | 'isSymbolicLink'>

/** @param status from lstat or readdir: a symlink is a symlink */
export function kindOf(status: Described): DiskKind {
  if (status.isFile()) return 'file'
  if (status.isDirectory()) return 'directory'
  return status.isSymbolicLink() ? 'symlink' : 'other'
}
