/**
 * Paths of `/proc/self/fd`, by which node:fs reaches an entry of an open directory. The part in front of the name is a
 * descriptor, so a symlink that is planted above the entry cannot lead the call elsewhere.
 */
import type { Name } from './system-calls.ts'
import { badName } from './system-error.ts'

const SLASH = 0x2f
const DOT = 0x2e

/** @throws EINVAL for a name that is not one component */
export function procPath(directory: number, name: Name, syscall: string): string | Buffer {
  if (typeof name !== 'string') return bytesPath(directory, name, syscall)
  if (name === '' || name === '..' || name.includes('/') || name.includes('\0')) throw badName(syscall, name)
  return `/proc/self/fd/${directory}/${name}`
}

function bytesPath(directory: number, name: Uint8Array, syscall: string): Buffer {
  const isParent = name.byteLength === 2 && name.every((byte) => byte === DOT)
  const isOne = name.byteLength > 0 && !name.includes(SLASH) && !name.includes(0) && !isParent
  if (!isOne) throw badName(syscall, name)
  return Buffer.concat([Buffer.from(`/proc/self/fd/${directory}/`), name])
}
