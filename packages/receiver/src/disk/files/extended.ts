/**
 * ACLs and extended attributes on this machine's disk: of the kinds that the root preserves, an object has exactly those
 * that the agent names.
 *
 * A change of a file's owner clears its capabilities, so the owner is set first. Capabilities give a program the rights
 * of root, as set-user-id bits do: they are set only where the operator allows those. A label of SELinux is replaced
 * and never removed: every object has one.
 */
import { Buffer } from 'node:buffer'
import { closeSync, constants, openSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import {
  ACCESS_ACL,
  type AttributeCalls,
  DEFAULT_ACL,
  decodeAcl,
  encodeAcl,
  errorCode,
  O_PATH,
  plainMessage,
  withMode,
} from '@rootferry/host/machine'
import { type Extended, NOTHING_PRESERVED, type Preserved } from '@rootferry/protocol'
import { ExtendedRefused, isDiskTrouble, isOfOneObject } from './disk-errors.ts'

/** Names and values as base64, by name: what the calls take. */
export type LocalExtended = readonly (readonly [name: string, value: string])[]

/** The number of a user ('u') or group ('g') of the agent on this machine. */
export type IdOf = (letter: 'u' | 'g', id: number) => number

const CAPABILITY = 'security.capability'
const LABEL = 'security.selinux'
const PIN = O_PATH | constants.O_NOFOLLOW

export interface ExtendedParts {
  /** Null: libc cannot be called. */
  calls: AttributeCalls | null
  preserved: Preserved
  allowsCapabilities: boolean
}

export class ExtendedAttributes {
  readonly #calls: AttributeCalls | null
  readonly #allowsCapabilities: boolean
  #preserved: Preserved

  constructor({ calls, preserved, allowsCapabilities }: ExtendedParts) {
    this.#calls = calls
    this.#allowsCapabilities = allowsCapabilities
    this.#preserved = preserved
  }

  /** What the root preserves from now on. */
  use(preserved: Preserved): void {
    this.#preserved = preserved
  }

  get preserved(): Preserved {
    return this.#preserved
  }

  get isOn(): boolean {
    return this.#preserved.acls || this.#preserved.xattrs.length > 0
  }

  /** Whether the attribute is one that the root preserves, so that it is as the agent says and not as a directory hands down. */
  governs(name: string): boolean {
    const { acls, xattrs } = this.#preserved
    if (name === ACCESS_ACL || name === DEFAULT_ACL) return acls
    if (name.startsWith('user.')) return xattrs.includes('user')
    if (name === LABEL) return xattrs.includes('selinux')
    return name === CAPABILITY && xattrs.includes('capability') && this.#allowsCapabilities
  }

  /** @param mode as it will be here. @returns null when the root preserves nothing */
  wanted(extended: Extended | undefined, mode: number, idOf: IdOf): LocalExtended | null {
    if (!this.isOn) return null
    const { acl, defaultAcl, xattrs = [] } = extended ?? {}
    const all: [string, string][] = xattrs.filter(([name]) => this.governs(name))
    const { acls } = this.#preserved
    if (acls && acl !== undefined) all.push([ACCESS_ACL, encodeAcl(withMode(acl, mode), idOf).toString('base64')])
    if (acls && defaultAcl !== undefined) all.push([DEFAULT_ACL, encodeAcl(defaultAcl, idOf).toString('base64')])
    return all.sort(byName)
  }

  /**
   * The attributes of an object, of the kinds that the root preserves.
   * @param name in the directory; null: the open object itself
   * @returns null when they cannot be known here
   */
  read(descriptor: number, name: string | null): LocalExtended | null {
    const calls = this.#calls
    if (calls === null) return null
    let names: string[]
    try {
      names = calls.list(descriptor, name).filter((attribute) => this.governs(attribute))
    } catch (error) {
      if (errorCode(error) !== 'ENOTSUP') throw error
      return []
    }
    const all: [string, string][] = []
    for (const attribute of names) {
      const value = calls.get(descriptor, name, attribute)
      if (value !== null) all.push([attribute, Buffer.from(inOrder(attribute, value)).toString('base64')])
    }
    return all.sort(byName)
  }

  /** The same of the object at a place, which is not followed; null also when the root preserves nothing. */
  readAt(location: string | Buffer): LocalExtended | null {
    return this.isOn && this.#calls !== null ? pinned(location, (descriptor) => this.read(descriptor, null)) : null
  }

  /** @throws ExtendedRefused; the system error when the object is gone, or the whole disk is in trouble */
  apply(descriptor: number, name: string | null, wanted: LocalExtended): void {
    const found = this.read(descriptor, name)
    if (found !== null && !isOther(found, wanted)) return
    const before = new Map(found ?? [])
    const names = new Set(wanted.map(([attribute]) => attribute))
    for (const [attribute] of before) {
      if (names.has(attribute) || attribute === LABEL) continue
      refusable(attribute, () => this.#calls?.remove(descriptor, name, attribute))
    }
    this.applyToNew(
      descriptor,
      name,
      wanted.filter(([attribute, value]) => before.get(attribute) !== value),
    )
  }

  /** The same for an object that has none. */
  applyToNew(descriptor: number, name: string | null, wanted: LocalExtended): void {
    const calls = this.#calls
    for (const [attribute, value] of wanted) {
      if (calls === null) throw new ExtendedRefused('ENOTSUP', `${attribute} cannot be set: libc cannot be called here`)
      refusable(attribute, () => calls.set(descriptor, name, attribute, Buffer.from(value, 'base64'), 'any'))
    }
  }

  /** The same of an open object, with the refusal as a result: null, everything is set. */
  attempt(descriptor: number, wanted: LocalExtended): ExtendedRefused | null {
    try {
      this.apply(descriptor, null, wanted)
      return null
    } catch (error) {
      if (error instanceof ExtendedRefused) return error
      throw error
    }
  }

  /** The same for the object at a place, which is not followed. */
  applyAt(location: string | Buffer, wanted: LocalExtended): void {
    pinned(location, (descriptor) => this.apply(descriptor, null, wanted))
  }

  /** What the object at one place has, the object at the other place gets. Neither is followed. @returns as `attempt` */
  transfer(from: string | Buffer, to: string | Buffer): ExtendedRefused | null {
    if (!this.isOn || this.#calls === null) return null
    const wanted = pinned(from, (descriptor) => this.read(descriptor, null)) ?? []
    return pinned(to, (descriptor) => this.attempt(descriptor, wanted))
  }

  /** Whether what is created in this directory gets an ACL that must be taken off again. */
  isHandedDown(directory: string): boolean {
    if (!this.#preserved.acls || this.#calls === null) return false
    try {
      return pinned(directory, (descriptor) => this.#calls?.get(descriptor, null, DEFAULT_ACL) ?? null) !== null
    } catch (error) {
      if (errorCode(error) === null || isDiskTrouble(error)) throw error
      return false
    }
  }
}

/** Nothing is preserved: for what works on directories of the receiver alone. */
export const NO_EXTENDED = new ExtendedAttributes({
  calls: null,
  preserved: NOTHING_PRESERVED,
  allowsCapabilities: false,
})

/** Whether something must be set or removed. Pure. */
export function isOther(found: LocalExtended, wanted: LocalExtended): boolean {
  const hasLabel = wanted.some(([name]) => name === LABEL)
  return !isDeepStrictEqual(hasLabel ? found : found.filter(([name]) => name !== LABEL), wanted)
}

function pinned<Result>(location: string | Buffer, act: (descriptor: number) => Result): Result {
  const descriptor = openSync(location, PIN)
  try {
    return act(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function refusable(attribute: string, act: () => void): void {
  try {
    act()
  } catch (error) {
    const code = errorCode(error)
    if (code === null || !isOfOneObject(error)) throw error
    throw new ExtendedRefused(code, `${attribute}: ${plainMessage(error)}`, { cause: error })
  }
}

/** Equal ACLs have equal values then, whatever program has set them. */
function inOrder(attribute: string, value: Uint8Array): Uint8Array {
  if (attribute !== ACCESS_ACL && attribute !== DEFAULT_ACL) return value
  const acl = decodeAcl(value)
  return acl === null ? value : encodeAcl(acl)
}

function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : 1
}
