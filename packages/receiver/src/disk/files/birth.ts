/**
 * When a directory was made, as far as that is told and stays: it tells the top directories of two filesystems apart,
 * which have one and the same number. Pure.
 */
import type { Stats } from 'node:fs'

/** In an overlay a directory is made once more when something is first written in it, and network filesystems hardly know. */
const KEEP_IT = new Set(['bcachefs', 'btrfs', 'ext2', 'ext3', 'ext4', 'f2fs', 'tmpfs', 'xfs', 'zfs'])

/** @returns whether a filesystem of this type tells it at all */
export function keepsBirth(filesystem: string): boolean {
  return KEEP_IT.has(filesystem)
}

/** @returns milliseconds since 1970; null: it is not known */
export function birthOf({ birthtimeMs, ctimeMs }: Pick<Stats, 'birthtimeMs' | 'ctimeMs'>): number | null {
  // Where the kernel does not tell it, Node says the time of the last change.
  return birthtimeMs === 0 || birthtimeMs === ctimeMs ? null : birthtimeMs
}

/** Whether two directories with the same number are certainly not the same. */
export function wereBornApart(one: number | null | undefined, other: number | null | undefined): boolean {
  return one != null && other != null && one !== other
}
