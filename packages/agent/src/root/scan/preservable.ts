/**
 * How much of what the configuration asks to be preserved can be read here: nothing without libc calls, and what the
 * docroot's filesystem has. What is missing is said once, in one line.
 */
import { closeSync, constants, openSync } from 'node:fs'
import { ACCESS_ACL, type AttributeCalls, errorCode } from '@rootferry/host/machine'
import { NOTHING_PRESERVED, type Preserved } from '@rootferry/protocol'

export type Warn = (message: string, details: Record<string, unknown>) => void

/** @param attributes null where libc cannot be called */
export function preservable(wanted: Preserved, attributes: AttributeCalls | null, root: string, warn: Warn): Preserved {
  const { hardLinks } = wanted
  // Hard links need nothing that Node lacks.
  const others = { ...NOTHING_PRESERVED, hardLinks }
  if (!wanted.acls && wanted.xattrs.length === 0) return others
  if (attributes === null) {
    warn('ACLs and extended attributes are not preserved: this runtime cannot call libc', { preserve: wanted })
    return others
  }
  const descriptor = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    const acls = wanted.acls && has(() => attributes.get(descriptor, null, ACCESS_ACL))
    const xattrs = wanted.xattrs.length > 0 && has(() => attributes.list(descriptor, null)) ? wanted.xattrs : []
    const lacking = [
      wanted.acls && !acls ? 'ACLs' : '',
      wanted.xattrs.length > xattrs.length ? 'extended attributes' : '',
    ]
    const names = lacking.filter((name) => name !== '').join(' and ')
    if (names !== '') warn(`${names} are not preserved: the filesystem of the root has none`, { root })
    return { acls, xattrs, hardLinks }
  } finally {
    closeSync(descriptor)
  }
}

function has(ask: () => unknown): boolean {
  try {
    ask()
    return true
  } catch (error) {
    if (errorCode(error) === 'ENOTSUP') return false
    throw error
  }
}
