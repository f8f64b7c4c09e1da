/**
 * Users and groups of this machine by name and number, from /etc/passwd and /etc/group.
 *
 * The files are read again when they change. Accounts that only a directory service (LDAP) knows are not seen: their
 * numbers are used as they are.
 */
import { readFileSync, statSync } from 'node:fs'

export class Accounts {
  readonly users: AccountFile
  readonly groups: AccountFile

  constructor(directory = '/etc') {
    this.users = new AccountFile(`${directory}/passwd`)
    this.groups = new AccountFile(`${directory}/group`)
  }
}

/** One of the two files, with a line `name:password:number:…` for each account. */
export class AccountFile {
  readonly #file: string
  #version = -1
  #nextCheckMs = 0
  #byName = new Map<string, number>()
  #byId = new Map<number, string>()

  constructor(file: string) {
    this.#file = file
  }

  /** @param nowMs any monotonic or wall clock: the file is checked at most once a second */
  nameOf(id: number, nowMs: number): string | null {
    this.#refresh(nowMs)
    return this.#byId.get(id) ?? null
  }

  idOf(name: string, nowMs: number): number | null {
    this.#refresh(nowMs)
    return this.#byName.get(name) ?? null
  }

  #refresh(nowMs: number): void {
    if (nowMs < this.#nextCheckMs) return
    this.#nextCheckMs = nowMs + 1_000
    const version = statSync(this.#file, { throwIfNoEntry: false })?.mtimeMs ?? 0
    if (version === this.#version) return
    this.#version = version
    this.#byName = new Map()
    this.#byId = new Map()
    if (version === 0) return
    for (const line of readFileSync(this.#file, 'utf8').split('\n')) {
      const [name, , number] = line.split(':')
      const id = Number(number)
      if (name === undefined || name === '' || number === undefined || !Number.isInteger(id)) continue
      if (!this.#byName.has(name)) this.#byName.set(name, id)
      if (!this.#byId.has(id)) this.#byId.set(id, name)
    }
  }
}
