/** Errors of system calls in the shape of Node's own, and errors for invalid names. */
import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'
import type { Name } from './system-calls.ts'

const KNOWN = getSystemErrorMap()
const NAMES = new Map(Object.entries(constants.errno).map(([code, errno]) => [errno, code]))

export interface SystemError extends Error {
  code: string
  errno: number
  syscall: string
  path?: string
}

/** @param errno a positive number, as in the kernel */
export function systemError(errno: number, syscall: string, name?: Name): SystemError {
  const [code, text] = KNOWN.get(-errno) ?? [errnoName(errno), 'system error']
  const details = { errno: -errno, code, syscall }
  if (name === undefined) return Object.assign(new Error(`${code}: ${text}, ${syscall}`), details)
  const path = typeof name === 'string' ? name : Buffer.from(name).toString()
  return Object.assign(new Error(`${code}: ${text}, ${syscall} '${path}'`), { ...details, path })
}

/** A call that an implementation does not have. */
export function notImplemented(syscall: string): SystemError {
  return systemError(constants.errno.ENOSYS, syscall)
}

/** A name that is not one component. */
export function badName(syscall: string, name: Name): SystemError {
  return systemError(constants.errno.EINVAL, syscall, name)
}

/** The name of an error of the kernel, also where libuv has none (EDQUOT, ESTALE). @param errno a positive number */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `E${errno}`
}
