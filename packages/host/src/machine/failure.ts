/**
 * Failures that end a command: a sentence for the person, an exit code for the script.
 * Codes follow sysexits.h where it has one.
 */
import { errnoName } from './libc/system-error.ts'

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  degraded: 3,
  unreachable: 69,
  notPermitted: 77,
  badConfiguration: 78,
} as const

/** For the help of both commands. */
export const EXIT_CODES = `Exit codes: 0 ok, 1 failed, 2 usage, 3 degraded (drift was found, or a receiver or root is not well),
69 daemon unreachable, 77 not permitted, 78 bad configuration.`

export class Failure extends Error {
  readonly exitCode: number
  override name = 'Failure'

  /** @param message one line: what is wrong, where, what is accepted */
  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

/** Node has no names for some of Linux's errors, such as ESTALE and EDQUOT, and says their number. */
const NAMELESS = /Unknown system error -(\d+)/

/** The code of a system or SQLite error (`ENOENT`, `ERR_SQLITE_ERROR`), or null when it has none. */
export function errorCode(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error) || typeof error.code !== 'string') return null
  const errno = NAMELESS.exec(error.code)?.[1]
  return errno === undefined ? error.code : errnoName(Number(errno))
}

export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/**
 * The same without the path of the call: confined calls name descriptors (`/proc/self/fd/N/…`), which mean nothing to a
 * person and differ every time. The caller that shows the message knows the path.
 */
export function plainMessage(error: unknown): string {
  const message = errorMessage(error).replace(/, \w+(?: '.*')?$/s, '')
  const errno = NAMELESS.exec(message)?.[1]
  return errno === undefined ? message : `${errnoName(Number(errno))}: system error`
}
