/** Collects the owner numbers that a message uses, and names them where this machine knows a name. */
import type { Accounts } from '@rootferry/host/machine'
import type { AclEntry, Extended, OwnerNames } from '@rootferry/protocol'

const NAMEABLE = /^[^\u0000-\u0020:]{1,64}$/

export class OwnerNaming {
  readonly #accounts: Accounts
  readonly #users = new Set<number>()
  readonly #groups = new Set<number>()

  constructor(accounts: Accounts) {
    this.#accounts = accounts
  }

  noteOwner(owner: { uid: number; gid: number }): void {
    this.#users.add(owner.uid)
    this.#groups.add(owner.gid)
  }

  /** The users and groups that ACLs name. */
  noteExtended({ acl = [], defaultAcl = [] }: Extended): void {
    for (const [letter, id] of [...acl, ...defaultAcl]) if (id !== null) this.#idsOf(letter)?.add(id)
  }

  #idsOf(letter: AclEntry[0]): Set<number> | null {
    if (letter === 'u') return this.#users
    return letter === 'g' ? this.#groups : null
  }

  names(nowMs: number): { users: OwnerNames; groups: OwnerNames } {
    const named = (ids: Set<number>, nameOf: (id: number) => string | null) =>
      [...ids].slice(0, 1_000).flatMap((id): OwnerNames => {
        const name = nameOf(id)
        return name !== null && NAMEABLE.test(name) ? [[id, name]] : []
      })
    return {
      users: named(this.#users, (id) => this.#accounts.users.nameOf(id, nowMs)),
      groups: named(this.#groups, (id) => this.#accounts.groups.nameOf(id, nowMs)),
    }
  }
}
