/**
 * POSIX ACLs between the kernel's form, the value of `system.posix_acl_access` and `system.posix_acl_default`, and the
 * form in which they travel. Pure.
 *
 *   version(32) = 2 · entries: {tag(16) permissions(16) id(32)}, little-endian; all ones where an entry has no id
 *
 * Entries are sorted by tag and number, so that equal ACLs have equal values.
 */
import { Buffer } from 'node:buffer'
import type { Acl, AclEntry } from '@rootferry/protocol'

export const ACCESS_ACL = 'system.posix_acl_access'
export const DEFAULT_ACL = 'system.posix_acl_default'

const VERSION = 2
const HEADER_BYTES = 4
const ENTRY_BYTES = 8
const NO_ID = 0xffff_ffff
const PERMISSIONS = 7

type Letter = AclEntry[0]
/** By tag, in the kernel's order. */
const LETTERS = new Map<number, { letter: Letter; hasId: boolean }>([
  [0x01, { letter: 'u', hasId: false }],
  [0x02, { letter: 'u', hasId: true }],
  [0x04, { letter: 'g', hasId: false }],
  [0x08, { letter: 'g', hasId: true }],
  [0x10, { letter: 'm', hasId: false }],
  [0x20, { letter: 'o', hasId: false }],
])
const TAGS = new Map([...LETTERS].map(([tag, { letter, hasId }]) => [`${letter}${hasId ? '#' : ''}`, tag]))

/** @returns null for a value that is not an ACL of a version that is known here */
export function decodeAcl(value: Uint8Array): Acl | null {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  const length = bytes.byteLength - HEADER_BYTES
  if (length < 0 || length % ENTRY_BYTES !== 0 || bytes.readUInt32LE(0) !== VERSION) return null
  const acl: Acl = []
  for (let at = HEADER_BYTES; at < bytes.byteLength; at += ENTRY_BYTES) {
    const kind = LETTERS.get(bytes.readUInt16LE(at))
    if (kind === undefined) return null
    const id = kind.hasId ? bytes.readUInt32LE(at + 4) : null
    acl.push([kind.letter, id, bytes.readUInt16LE(at + 2) & PERMISSIONS])
  }
  return acl
}

/** @param idOf the number of a user ('u') or group ('g') on this machine */
export function encodeAcl(acl: Acl, idOf: (letter: 'u' | 'g', id: number) => number = (_, id) => id): Buffer {
  const entries = acl.map(([letter, id, permissions]) => {
    const isNamed = id !== null && (letter === 'u' || letter === 'g')
    const tag = TAGS.get(`${letter}${isNamed ? '#' : ''}`) ?? 0
    return { tag, permissions, id: isNamed ? idOf(letter, id) : NO_ID }
  })
  entries.sort((a, b) => a.tag - b.tag || a.id - b.id)
  const bytes = Buffer.alloc(HEADER_BYTES + entries.length * ENTRY_BYTES)
  bytes.writeUInt32LE(VERSION, 0)
  for (const [number, { tag, permissions, id }] of entries.entries()) {
    const at = HEADER_BYTES + number * ENTRY_BYTES
    bytes.writeUInt16LE(tag, at)
    bytes.writeUInt16LE(permissions, at + 2)
    bytes.writeUInt32LE(id, at + 4)
  }
  return bytes
}

/**
 * The access ACL of an object with this mode: the permissions of the owner, the mask and others are the mode's, whatever
 * the ACL says.
 */
export function withMode(acl: Acl, mode: number): Acl {
  return acl.map(([letter, id, permissions]) => {
    if (letter === 'm') return [letter, id, (mode >> 3) & PERMISSIONS]
    if (letter === 'o') return [letter, id, mode & PERMISSIONS]
    return letter === 'u' && id === null ? [letter, id, (mode >> 6) & PERMISSIONS] : [letter, id, permissions]
  })
}
