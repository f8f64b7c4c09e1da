/**
 * The numbers that names of users and groups have on this host: by the files first, and where libc can be called by the
 * directory service behind them.
 */
import { readFileSync, statSync } from 'node:fs'
import { EXIT, errorMessage, Failure } from './failure.ts'
import type { AccountCalls } from './libc/system-calls.ts'
import { ServiceAnswers } from './service-answers.ts'

/** `name:x:id:…` lines of /etc/passwd or /etc/group, read again when the file changes. */
export class LocalIds {
  readonly #file: string
  readonly #service: ServiceAnswers<string, number> | null
  #readAt: number | null = null
  #ids = new Map<string, number>()

  constructor(file: string, service: ServiceAnswers<string, number> | null) {
    this.#file = file
    this.#service = service
  }

  /** A name, or a number in digits. */
  idOf(name: string): number | null {
    this.#refresh()
    return this.#known(name) ?? (/^\d{1,10}$/.test(name) ? Number(name) : null)
  }

  /** From the agent's number to the local one, for the names that this host knows. */
  localIds(pairs: readonly (readonly [number, string])[]): Map<number, number> {
    if (pairs.length > 0) this.#refresh()
    const found = new Map<number, number>()
    for (const [id, name] of pairs) {
      const local = this.#known(name)
      if (local !== null) found.set(id, local)
    }
    return found
  }

  #known(name: string): number | null {
    return this.#ids.get(name) ?? this.#service?.of(name) ?? null
  }

  #refresh(): void {
    const status = statSync(this.#file, { throwIfNoEntry: false })
    if (status === undefined || status.mtimeMs === this.#readAt) return
    this.#ids = new Map()
    this.#readAt = status.mtimeMs
    for (const line of readText(this.#file).split('\n')) {
      const [name, , id] = line.split(':', 3)
      if (name !== undefined && id !== undefined && /^\d{1,10}$/.test(id)) this.#ids.set(name, Number(id))
    }
  }
}

/** @param calls null or absent: only the file is asked */
export function localUsers(calls: AccountCalls | null = null, file = '/etc/passwd'): LocalIds {
  return new LocalIds(file, calls === null ? null : new ServiceAnswers((name: string) => calls.userId(name)))
}

/** The same for groups. */
export function localGroups(calls: AccountCalls | null = null, file = '/etc/group'): LocalIds {
  return new LocalIds(file, calls === null ? null : new ServiceAnswers((name: string) => calls.groupId(name)))
}

/** @throws Failure (78) when this host does not know them */
export function fixedOwner(
  { user, group }: { user: string; group: string },
  users: LocalIds,
  groups: LocalIds,
): { uid: number; gid: number } {
  const uid = users.idOf(user) ?? unknown('user', user)
  return { uid, gid: groups.idOf(group) ?? unknown('group', group) }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new Failure(EXIT.failed, `${file} cannot be read: ${errorMessage(error)}`, { cause: error })
  }
}

function unknown(what: 'user' | 'group', name: string): never {
  throw new Failure(EXIT.badConfiguration, `owner: this host has no ${what} '${name}'`)
}
