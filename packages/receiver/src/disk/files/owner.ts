/**
 * From the agent's numbers of users and groups to this host's: by name first, then by number; or a fixed owner; or
 * none.
 *
 * A name is looked up in the files first, and where libc can be called in the directory service behind them. A process that may
 * not change owners says so once and then leaves them alone, so that one missing right does not make every file fail.
 */

import {
  type AccountCalls,
  EXIT,
  Failure,
  fixedOwner,
  type LocalIds,
  localGroups,
  localUsers,
} from '@rootferry/host/machine'
import type { OwnerNames } from '@rootferry/protocol'
import type { OwnerPolicy } from '../../root-messages.ts'
import type { IdOf } from './extended.ts'
import { readIdMap } from './id-map.ts'
import { LEAVE } from './staged-change.ts'

const MOST_WARNINGS = 20

export interface Owner {
  uid: number
  gid: number
}

export interface OwnerMapOptions {
  policy: OwnerPolicy
  /** Whether this process may give files away. */
  privileged: boolean
  warn(message: string): void
  /** How a directory service is asked; null or absent: only the files are. */
  accounts?: AccountCalls | null
  passwdFile?: string
  groupFile?: string
  uidMapFile?: string
  gidMapFile?: string
}

export class OwnerMap {
  readonly #options: OwnerMapOptions
  readonly #users: LocalIds
  readonly #groups: LocalIds
  readonly #hasUser: (uid: number) => boolean
  readonly #hasGroup: (gid: number) => boolean
  #fixed: Owner | null = null
  #able = true
  /** Numbers that do not exist here and were reported. */
  readonly #strange = new Set<string>()

  /** @throws Failure (78) when a fixed owner is unknown on this host */
  constructor(options: OwnerMapOptions) {
    this.#options = options
    this.#users = localUsers(options.accounts, options.passwdFile)
    this.#groups = localGroups(options.accounts, options.groupFile)
    this.#hasUser = readIdMap(options.uidMapFile ?? '/proc/self/uid_map')
    this.#hasGroup = readIdMap(options.gidMapFile ?? '/proc/self/gid_map')
    if (options.policy === 'keep') this.#able = false
    else if (!options.privileged) this.refused('this process may not change owners')
    if (typeof options.policy === 'object') this.#fixed = this.#resolveFixed(options.policy)
  }

  /** Whether owners are set and compared at all. */
  get able(): boolean {
    return this.#able
  }

  /** Whether what the agent says of owners decides about those here. */
  get follows(): boolean {
    return this.#able && this.#fixed === null
  }

  /** The kernel refused a change of owner: from now on owners are left alone. */
  refused(why: string): void {
    if (!this.#able) return
    this.#able = false
    this.#options.warn(`owners are not preserved: ${why}`)
  }

  /** The mapping for the numbers of one message, whose `users` and `groups` name them. */
  forMessage(users: OwnerNames, groups: OwnerNames): (uid: number, gid: number) => Owner {
    const left = { uid: LEAVE, gid: LEAVE }
    const fixed = this.#fixed
    if (!this.#able) return () => left
    if (fixed !== null) return () => (this.#able ? fixed : left)
    const localUsers = this.#users.localIds(users)
    const localGroups = this.#groups.localIds(groups)
    return (uid, gid) => (this.#able ? this.#possible(localUsers.get(uid) ?? uid, localGroups.get(gid) ?? gid) : left)
  }

  /**
   * The other way round: which of the agent's owners is set to these numbers here, null: none. Where owners are not
   * followed every number is 0, and it is null only for one that would be changed.
   */
  backwards(users: OwnerNames, groups: OwnerNames): (uid: number, gid: number) => Owner | null {
    const fixed = this.#able ? this.#fixed : null
    if (!this.follows)
      return (uid, gid) => (fixed === null || (fixed.uid === uid && fixed.gid === gid) ? { uid: 0, gid: 0 } : null)
    const forward = this.forMessage(users, groups)
    const [theirUsers, theirGroups] = [this.#users.localIds(users), this.#groups.localIds(groups)].map(
      (ids) => new Map([...ids].map(([theirs, ours]) => [ours, theirs])),
    )
    const known = new Map<string, Owner | null>()
    return (uid, gid) => {
      const key = `${uid}:${gid}`
      const before = known.get(key)
      if (before !== undefined) return before
      const theirs = { uid: theirUsers?.get(uid) ?? uid, gid: theirGroups?.get(gid) ?? gid }
      const ours = forward(theirs.uid, theirs.gid)
      const found = ours.uid === uid && ours.gid === gid ? theirs : null
      known.set(key, found)
      return found
    }
  }

  /** The numbers that ACLs of one message name, here: by name, then by number, whoever owns what arrives. */
  idsOfMessage(users: OwnerNames, groups: OwnerNames): IdOf {
    const local = { u: this.#users.localIds(users), g: this.#groups.localIds(groups) }
    return (letter, id) => local[letter].get(id) ?? id
  }

  /** The owner, with LEAVE for a number that does not exist in this user namespace. */
  #possible(uid: number, gid: number): Owner {
    const owner = { uid: this.#hasUser(uid) ? uid : LEAVE, gid: this.#hasGroup(gid) ? gid : LEAVE }
    if (owner.uid !== uid) this.#warnOf(`user ${uid}`)
    if (owner.gid !== gid) this.#warnOf(`group ${gid}`)
    return owner
  }

  #warnOf(who: string): void {
    if (this.#strange.has(who) || this.#strange.size >= MOST_WARNINGS) return
    this.#strange.add(who)
    this.#options.warn(`${who} does not exist in this user namespace: what belongs to it keeps the receiver's`)
  }

  #resolveFixed(policy: { user: string; group: string }): Owner {
    const { uid, gid } = fixedOwner(policy, this.#users, this.#groups)
    if (!this.#hasUser(uid)) impossible('user', uid)
    if (!this.#hasGroup(gid)) impossible('group', gid)
    return { uid, gid }
  }
}

/** The kernel would refuse it for every single entry. */
function impossible(what: 'user' | 'group', id: number): never {
  throw new Failure(EXIT.badConfiguration, `owner: ${what} ${id} does not exist in this user namespace`)
}
