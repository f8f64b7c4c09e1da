/**
 * Which backend watches a root: the operator's choice, or the one that suits its filesystem and its size.
 *
 * chokidar holds an entry per file (5 KB), takes 7 s for 100,000 of them, and lists and looks at a whole directory for
 * each event in it; the directory backend holds one per directory, and looks at what an event names. On a network filesystem the kernel reports only changes made on this machine, so only polling sees the
 * others.
 */
import type { WatchCalls } from '@rootferry/host/machine'
import type { WatchBackend } from '../../root-messages.ts'
import { ChokidarWatcher } from './chokidar-watcher.ts'
import { DirectoryWatcher } from './directory-watcher.ts'
import { InotifyWatcher } from './inotify-watcher.ts'
import { PollingWatcher } from './polling-watcher.ts'
import type { Watcher, WatcherEvents, WatcherOptions } from './watcher.ts'

/** Trees of up to this many entries are left to chokidar. */
export const MOST_CHOKIDAR_ENTRIES = 2_000

/** `statfs` types of filesystems that other machines, or a process behind FUSE, may change. From Linux's magic.h. */
const NETWORK_FILESYSTEMS = new Set([
  0x00006969, // NFS
  0x0000517b, // SMB
  0xff534d42, // CIFS
  0xfe534d42, // SMB 2 and 3
  0x0000564c, // NCP
  0x65735546, // FUSE: sshfs, s3fs, GlusterFS, virtiofs
  0x01021997, // 9p: WSL, QEMU
  0x00c36400, // Ceph
  0x5346414f, // AFS
  0x6b414653, // AFS, the kernel's own
  0x73757245, // Coda
  0x0bd00bd0, // Lustre
  0x47504653, // GPFS
  0x19830326, // BeeGFS
  0x01161970, // GFS2
  0x7461636f, // OCFS2
  0x786f4256, // VirtualBox shared folders
  0xbacbacbc, // VMware shared folders
])

/**
 * @param entryCount entries of the root, as far as the index knows
 * @param filesystemMagic `type` of `fs.statfs` on the root
 */
export function chooseBackend(
  setting: 'auto' | WatchBackend,
  entryCount: number,
  filesystemMagic: number,
): WatchBackend {
  if (setting !== 'auto') return setting
  // Some magics have the sign bit of 32 bits set, and come as negative numbers from some kernels.
  if (NETWORK_FILESYSTEMS.has(filesystemMagic >>> 0)) return 'polling'
  return entryCount <= MOST_CHOKIDAR_ENTRIES ? 'chokidar' : 'directory'
}

/** Whether a root that began small has grown so much that it is worth opening it anew with another backend. */
export function hasOutgrown(setting: 'auto' | WatchBackend, backend: WatchBackend, entryCount: number): boolean {
  return setting === 'auto' && backend === 'chokidar' && entryCount > 2 * MOST_CHOKIDAR_ENTRIES
}

/** @param watches libc's calls, or null where the runtime cannot call libc */
export function createWatcher(
  backend: WatchBackend,
  options: WatcherOptions,
  events: WatcherEvents,
  watches: WatchCalls | null,
): Watcher {
  switch (backend) {
    case 'chokidar':
      return new ChokidarWatcher(options, events)
    case 'directory':
      return watches === null ? new DirectoryWatcher(options, events) : new InotifyWatcher(watches, options, events)
    case 'polling':
      return new PollingWatcher(options, events)
  }
}
