/**
 * Reads what a root preserves of an entry besides its status: ACLs and extended attributes, as one text that says the
 * same for the same attributes.
 *
 * A file whose status is that of its row has the attributes of its row: setting one changes the ctime. Nothing is asked
 * of the kernel when the root preserves nothing; then there is no reader at all.
 */
import { Buffer } from 'node:buffer'
import {
  ACCESS_ACL,
  type AttributeCalls,
  type ConfinedDirectories,
  DEFAULT_ACL,
  decodeAcl,
  errorCode,
} from '@rootferry/host/machine'
import {
  type Acl,
  type EntryKind,
  type Extended,
  LIMITS,
  type Preserved,
  type Xattr,
  type XattrKind,
} from '@rootferry/protocol'
import { BOUNDS } from '../../bounds.ts'
import type { KnownEntry, Observation } from '../index/indexed-entry.ts'
import { isProvenSame } from './difference.ts'

export interface ExtendedReaderParts {
  attributes: Pick<AttributeCalls, 'list' | 'get'>
  directories: Pick<ConfinedDirectories, 'place'>
  preserved: Preserved
}

const KIND_OF = new Map<string, XattrKind>([
  ['security.selinux', 'selinux'],
  ['security.capability', 'capability'],
])

/** They take more room than a message has for one entry. */
export class TooManyAttributes extends Error {
  override name = 'TooManyAttributes'
}

export class ExtendedReader {
  readonly #parts: ExtendedReaderParts
  readonly #xattrs: ReadonlySet<XattrKind>

  constructor(parts: ExtendedReaderParts) {
    this.#parts = parts
    this.#xattrs = new Set(parts.preserved.xattrs)
  }

  /**
   * The observation with what belongs to it.
   * @throws the system error when the attributes cannot be read; TooManyAttributes
   */
  complete(path: string, before: KnownEntry | null, seen: Observation): Observation {
    const isKnown = before !== null && before.extended !== null && seen.kind === 'file' && isProvenSame(before, seen)
    return { ...seen, extended: isKnown ? before.extended : this.#read(path, seen.kind) }
  }

  #read(path: string, kind: EntryKind): string {
    // A symlink has neither an ACL nor attributes of users.
    if (kind === 'symlink' && !this.#xattrs.has('selinux')) return ''
    const { attributes, directories } = this.#parts
    const { directory, name } = directories.place(path)
    let names: string[]
    try {
      names = attributes.list(directory, name)
    } catch (error) {
      if (errorCode(error) === 'ENOTSUP') return ''
      throw error
    }
    if (names.length === 0) return ''
    return textOf(
      this.#extended(names, (attribute) => attributes.get(directory, name, attribute)),
      path,
    )
  }

  #extended(names: string[], get: (attribute: string) => Uint8Array | null): Extended {
    const extended: Extended = {}
    if (this.#parts.preserved.acls) {
      const acl = names.includes(ACCESS_ACL) ? aclOf(get(ACCESS_ACL)) : null
      const defaultAcl = names.includes(DEFAULT_ACL) ? aclOf(get(DEFAULT_ACL)) : null
      if (acl !== null) extended.acl = acl
      if (defaultAcl !== null) extended.defaultAcl = defaultAcl
    }
    const xattrs = names.filter((name) => this.#isPreserved(name)).sort()
    const pairs = xattrs.flatMap((name): Xattr[] => {
      const value = get(name)
      // It went away since the list was made: a hint comes.
      return value === null ? [] : [[name, Buffer.from(value).toString('base64')]]
    })
    if (pairs.length > 0) extended.xattrs = pairs
    return extended
  }

  #isPreserved(name: string): boolean {
    const kind = name.startsWith('user.') ? 'user' : KIND_OF.get(name)
    // A name that is not valid UTF-8 cannot travel.
    return kind !== undefined && this.#xattrs.has(kind) && !name.includes('\ufffd')
  }
}

/** Null for none, and for a value that says no more than a mode does. */
function aclOf(value: Uint8Array | null): Acl | null {
  const acl = value === null ? null : decodeAcl(value)
  return acl === null || acl.length < 3 ? null : acl
}

function textOf(extended: Extended, path: string): string {
  const { acl = [], defaultAcl = [], xattrs = [] } = extended
  if (acl.length + defaultAcl.length + xattrs.length === 0) return ''
  const text = JSON.stringify(extended)
  const isTooMuch = Buffer.byteLength(text) > BOUNDS.extendedBytes || xattrs.length > LIMITS.attributes
  if (!isTooMuch) return text
  const message = `more than ${BOUNDS.extendedBytes / 1024} KiB, or ${LIMITS.attributes}, of ACLs and extended attributes`
  throw new TooManyAttributes(`${path}: ${message}`)
}
