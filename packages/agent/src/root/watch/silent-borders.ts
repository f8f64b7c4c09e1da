/**
 * Filesystems mounted below a root on which the kernel does not report changes made on other machines. The root's own
 * filesystem decides about its watching as a whole (choose-watcher.ts); these are scanned by time.
 */
import type { Border } from '@rootferry/host/machine'

const SILENT = new Set(['cifs', 'smb3', 'smbfs', '9p', 'ceph', 'glusterfs', 'ncpfs', 'afs', 'lustre', 'gfs2', 'ocfs2'])

export type SilentBorder = Pick<Border, 'path' | 'type'>

export function silentBorders(borders: Iterable<SilentBorder>): SilentBorder[] {
  const isSilent = ({ type }: SilentBorder) => SILENT.has(type) || /^(nfs\d?|fuse(\..+)?)$/.test(type)
  return [...borders].filter(isSilent)
}

/** Null when there are none. */
export function silentReason(silent: readonly SilentBorder[]): string | null {
  if (silent.length === 0) return null
  const names = silent.map(({ path, type }) => `${path} (${type})`).join(', ')
  return `changes made on other machines are not reported below ${names}: scanned by time`
}
