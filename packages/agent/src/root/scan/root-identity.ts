/**
 * Pure decision: whether the directory at a root's path is the one that the index describes.
 *
 * Another directory at the same path of the same device is a restored or redeployed docroot: the guard judges what is
 * missing in it. Another device means an unmounted or overmounted docroot, and another path with another directory a
 * slip in the configuration: neither is even scanned. Device numbers are assigned anew at every boot.
 */

/** The name of the index's note that says which directory it describes: it is there since the first whole scan. */
export const IDENTITY = 'root'

export interface RootIdentity {
  path: string
  device: number
  inode: number
  /** The machine's boot id when the directory was seen. */
  boot: string
}

/** Why `found` must be taken for another root than `known`, or null if it need not. */
export function replacement(known: RootIdentity, found: RootIdentity): string | null {
  const isSameInode = known.inode === found.inode
  if (isSameInode && known.device === found.device) return null
  if (known.path !== found.path) return `replaced: the index was made of another directory, ${known.path}`
  if (known.device === found.device || (isSameInode && known.boot !== found.boot)) return null
  return 'replaced: another device is there (was it unmounted?)'
}

/** @returns null for a text of another form, as an index of an earlier version has it */
export function parseIdentity(text: string | null): RootIdentity | null {
  if (text === null) return null
  const [device, inode, boot, ...path] = text.split(' ')
  if (boot === undefined || path.length === 0) return null
  return { device: Number(device), inode: Number(inode), boot, path: path.join(' ') }
}

export function formatIdentity({ device, inode, boot, path }: RootIdentity): string {
  return `${device} ${inode} ${boot} ${path}`
}
