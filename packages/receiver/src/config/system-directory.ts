/**
 * Directories of the machine itself, which are never a docroot: as a target nearly everything in one would go to the
 * trash, and the host with it. A directory below them may be a target, such as /var/www or /usr/share/wordpress.
 */
import { realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'

const TOP =
  'bin boot dev etc home lib lib32 lib64 libx32 lost+found media mnt opt proc root run sbin snap sys tmp usr var'
const BELOW = {
  etc: 'rootferry systemd ssh ssl',
  usr: 'bin games include lib lib32 lib64 libexec local sbin share src',
  'usr/local': 'bin etc lib sbin share src',
  var: 'backups cache lib local lock log mail opt run spool tmp',
}
const DIRECTORIES = new Set([
  '/',
  ...TOP.split(' ').map((name) => `/${name}`),
  ...Object.entries(BELOW).flatMap(([above, names]) => names.split(' ').map((name) => `/${above}/${name}`)),
])
/** The kernel's own directories: nothing in them is a docroot. */
const KERNEL = /^\/(?:proc|sys|dev)\/(?!shm\/)/

/**
 * @param path absolute; need not exist
 * @returns the system directory that it is, by its name, through symlinks or as another mount of it; null: none
 */
export function systemDirectory(path: string): string | null {
  const place = realPath(path)
  for (const candidate of [path, place]) if (DIRECTORIES.has(candidate) || KERNEL.test(candidate)) return candidate
  const identity = identityOf(place)
  if (identity === null) return null
  for (const directory of DIRECTORIES) if (identityOf(directory) === identity) return directory
  return null
}

function identityOf(path: string): string | null {
  const status = statSync(path, { bigint: true, throwIfNoEntry: false })
  return status === undefined ? null : `${status.dev}:${status.ino}`
}

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    // The directory does not exist yet: its name decides.
    return join(path)
  }
}
