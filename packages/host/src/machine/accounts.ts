/**
 * Users and groups of this machine by number: from /etc/passwd and /etc/group, and what these do not have from the name
 * service switch (LDAP, SSSD), where libc can be called.
 *
 * The files are read again when they change.
 */
import { readFileSync, statSync } from 'node:fs'
import type { AccountCalls } from './libc/system-calls.ts'
import { ServiceAnswers } from './service-answers.ts'

export class Accounts {
  readonly users: AccountFile
  readonly groups: AccountFile

  /** @param calls null: only the files are asked */
  constructor(calls: AccountCalls | null = null, directory = '/etc') {
    const services = {
      users: calls === null ? null : new ServiceAnswers((uid: number) => calls.userName(uid)),
      groups: calls === null ? null : new ServiceAnswers((gid: number) => calls.groupName(gid)),
    }
    this.users = new AccountFile(`${directory}/passwd`, services.users)
    this.groups = new AccountFile(`${directory}/group`, services.groups)
  }
}

/** One of the two files, with a line `name:password:number:…` for each account, and the service behind it. */
export class AccountFile {
  readonly #file: string
  readonly #service: ServiceAnswers<number, string> | null
  #version = -1
  #nextCheckMs = 0
  #byId = new Map<number, string>()

  constructor(file: string, service: ServiceAnswers<number, string> | null) {
    this.#file = file
    this.#service = service
  }

  /** @param nowMs any monotonic or wall clock: the file is checked at most once a second */
  nameOf(id: number, nowMs: number): string | null {
    this.#refresh(nowMs)
    return this.#byId.get(id) ?? this.#service?.of(id) ?? null
  }

  #refresh(nowMs: number): void {
    if (nowMs < this.#nextCheckMs) return
    this.#nextCheckMs = nowMs + 1_000
    const version = statSync(this.#file, { throwIfNoEntry: false })?.mtimeMs ?? 0
    if (version === this.#version) return
    this.#version = version
    this.#byId = new Map()
    if (version === 0) return
    for (const line of readFileSync(this.#file, 'utf8').split('\n')) {
      const [name, , number] = line.split(':')
      const id = Number(number)
      if (name === undefined || name === '' || number === undefined || !Number.isInteger(id)) continue
      if (!this.#byId.has(id)) this.#byId.set(id, name)
    }
  }
}
