/**
 * Inode numbers in the form that the index keeps, and in which they are compared. Gluster, NFS and stacked filesystems use numbers up to 2^64; a double
 * holds them exactly up to 2^53, and beyond that neighbours would become equal. Only such a number costs a second call.
 */
import { lstatSync, type Stats, statSync } from 'node:fs'

const IF_ANY = { throwIfNoEntry: false } as const
const LOW_BITS = 53

/** @param exactly returns the status' exact inode number, asked for only where the double does not hold it */
export function withExactInode(stats: Stats, exactly: () => bigint): Stats {
  if (!Number.isSafeInteger(stats.ino)) stats.ino = foldInode(exactly())
  return stats
}

/** `lstat` with such a number; null: nothing is there. @throws the system error */
export function lookAt(location: string | Uint8Array): Stats | null {
  // The declarations know no bytes but Buffers.
  const place = location as string
  const stats = lstatSync(place, IF_ANY)
  return stats === undefined
    ? null
    : withExactInode(stats, () => lstatSync(place, { ...IF_ANY, bigint: true })?.ino ?? 0n)
}

/** `stat` with such a number; null: nothing is there. @throws the system error */
export function lookThrough(path: string): Stats | null {
  const stats = statSync(path, IF_ANY)
  return stats === undefined
    ? null
    : withExactInode(stats, () => statSync(path, { ...IF_ANY, bigint: true })?.ino ?? 0n)
}

/** The number itself if a double holds it. */
export function inodeNumber(inode: bigint): number {
  const number = Number(inode)
  return Number.isSafeInteger(number) ? number : foldInode(inode)
}

/**
 * A number that a double holds: the high bits, in which filesystems put layers and bricks, are laid over the low ones.
 * Numbers that differ in their low 53 bits alone, as those of neighbours do, stay different.
 */
export function foldInode(inode: bigint): number {
  const unsigned = BigInt.asUintN(64, inode)
  return Number(BigInt.asUintN(LOW_BITS, unsigned) ^ (unsigned >> BigInt(LOW_BITS)))
}

/** One number for all names of a file: inode numbers repeat on other filesystems below the root. Never 0. */
export function linkNumber(inode: number, device: number): number {
  return Number(BigInt.asUintN(LOW_BITS, (BigInt(inode) * SPREAD) ^ BigInt(device))) || 1
}

/** Any odd number of 64 bits with as many ones as zeros. */
const SPREAD = 0x9e37_79b9_7f4a_7c15n
