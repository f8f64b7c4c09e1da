/**
 * `struct statx` and `struct statfs` of the kernel, as numbers. Both are laid out alike on amd64 and arm64, and
 * little-endian there.
 *
 *   statx   0 mask · 16 nlink · 20 uid · 24 gid · 28 mode(16) · 32 ino · 40 size · 48 blocks
 *           80 btime · 96 ctime · 112 mtime, each {seconds(64) nanoseconds(32)} · 136 dev major · 140 minor · 144 mount
 *   statfs  0 type · 8 bsize · 16 blocks · 24 bfree · 32 bavail · 40 files · 48 ffree, 64 bits each
 */
import type { LibcMemory } from './libc-memory.ts'
import type { FileKind, Filesystem, Status } from './system-calls.ts'

/** The fields that statx is asked for: the basic ones, the time of birth and the mount's id. */
export const STATX_MASK = 0x7ff | 0x800 | 0x1000
const HAS_BIRTH = 0x800
const HAS_MOUNT = 0x1000
const TWO_32 = 2 ** 32

const TYPE_BITS = 0o170000
const MODE_BITS = 0o7777

/** By the type bits of a mode. */
const KINDS = new Map<number, FileKind>([
  [0o100000, 'file'],
  [0o040000, 'directory'],
  [0o120000, 'symlink'],
  [0o010000, 'fifo'],
  [0o140000, 'socket'],
  [0o020000, 'character-device'],
  [0o060000, 'block-device'],
])

/** Linux has no other types. */
export function kindOfMode(mode: number): FileKind {
  return KINDS.get(mode & TYPE_BITS) ?? 'file'
}

/** Reads the result of statx. Fields are indexes of 32-bit words. */
export function readStatus({ words, signedWords, longs }: LibcMemory): Status {
  const word = (index: number) => words[index] ?? 0
  const long = (index: number) => word(index + 1) * TWO_32 + word(index)
  const signedLong = (index: number) => (signedWords[index + 1] ?? 0) * TWO_32 + word(index)
  const mask = word(0)
  const mode = word(7) & 0xffff
  return {
    kind: kindOfMode(mode),
    mode: mode & MODE_BITS,
    uid: word(5),
    gid: word(6),
    size: long(10),
    links: word(4),
    blocks: long(12),
    inode: BigInt.asUintN(64, longs[4] ?? 0n),
    device: deviceNumber(word(34), word(35)),
    mountId: (mask & HAS_MOUNT) === 0 ? null : BigInt.asUintN(64, longs[18] ?? 0n),
    mtimeSeconds: signedLong(28),
    mtimeNanoseconds: word(30),
    ctimeSeconds: signedLong(24),
    ctimeNanoseconds: word(26),
    birthSeconds: (mask & HAS_BIRTH) === 0 ? null : signedLong(20),
    birthNanoseconds: (mask & HAS_BIRTH) === 0 ? 0 : word(22),
  }
}

export function readFilesystem({ words, longs }: LibcMemory): Filesystem {
  const long = (index: number) => Number(longs[index] ?? 0n)
  return {
    type: words[0] ?? 0,
    blockBytes: long(1),
    blocks: long(2),
    availableBlocks: long(4),
    inodes: long(5),
    freeInodes: long(6),
  }
}

/** glibc's makedev: twelve bits of the major number and eight of the minor below, the rest above. */
function deviceNumber(major: number, minor: number): number {
  return (minor & 0xff) + (major & 0xfff) * 2 ** 8 + (minor >>> 8) * 2 ** 20 + (major >>> 12) * TWO_32 * 2 ** 12
}
