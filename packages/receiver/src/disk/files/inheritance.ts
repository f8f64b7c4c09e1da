/**
 * Whether an object that is created in a directory gets what one that is created in staging does not: the entries of a
 * default ACL, the group of a set-group-id directory, another security label. Such an object is made in its directory.
 */
import { Buffer } from 'node:buffer'
import { closeSync, constants, existsSync, fstatSync, openSync } from 'node:fs'
import { type AttributeCalls, DEFAULT_ACL, errorCode } from '@rootferry/host/machine'
import { isDiskTrouble } from './disk-errors.ts'

const FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NONBLOCK
const SET_GROUP_ID = 0o2000
const LABEL = 'security.selinux'
const HAS_LABELS = '/sys/fs/selinux/enforce'

export interface InheritanceParts {
  /** Absolute path of the directory in which objects are staged. */
  staging(): string
  /** Whether an attribute is what the agent says, and so is not handed down. */
  governs(attribute: string): boolean
  /** Null: neither ACLs nor labels can be read, and none are known of. */
  attributes: AttributeCalls | null
  /** The group of what this process creates. */
  gid: number
  /** Whether what arrives is given to its owner and group, whatever directory it is created in. */
  givesOwners(): boolean
}

export class Inheritance {
  readonly #parts: InheritanceParts
  readonly #hasLabels = existsSync(HAS_LABELS)

  constructor(parts: InheritanceParts) {
    this.#parts = parts
  }

  /** Whether owners are set at all. */
  get givesOwners(): boolean {
    return this.#parts.givesOwners()
  }

  /** @param directory a location of it. @returns false too when it cannot be looked at */
  differs(directory: string): boolean {
    return this.#handedDown(directory) !== this.#handedDown(this.#parts.staging())
  }

  #handedDown(location: string): string {
    const { attributes, gid, givesOwners, governs } = this.#parts
    if (attributes === null && givesOwners()) return ''
    try {
      const directory = openSync(location, FLAGS)
      try {
        const { mode, gid: theirs } = fstatSync(directory)
        const group = givesOwners() ? '' : (mode & SET_GROUP_ID) === 0 ? String(gid) : String(theirs)
        const label = this.#hasLabels && !governs(LABEL) ? this.#attribute(directory, LABEL) : ''
        const acl = governs(DEFAULT_ACL) ? '' : this.#attribute(directory, DEFAULT_ACL)
        return `${group} ${acl} ${label}`
      } finally {
        closeSync(directory)
      }
    } catch (error) {
      if (errorCode(error) === null || isDiskTrouble(error)) throw error
      return ''
    }
  }

  #attribute(directory: number, name: string): string {
    try {
      return Buffer.from(this.#parts.attributes?.get(directory, null, name) ?? []).toString('hex')
    } catch (error) {
      // A filesystem without them.
      if (errorCode(error) === null || isDiskTrouble(error)) throw error
      return ''
    }
  }
}
