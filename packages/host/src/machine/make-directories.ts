/**
 * A `mkdir -p` that ends. Node's own loops for ever, at full speed and without a word, at an existing directory that
 * cannot hold another one and reports ENOENT: /proc, and mount points of autofs.
 */
import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { errorCode } from './failure.ts'

/** @param mode of every directory that is made, minus the umask. @throws the system error */
export function makeDirectories(path: string, mode: number): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return
  const parent = dirname(path)
  if (parent !== path) makeDirectories(parent, mode)
  try {
    mkdirSync(path, { mode })
  } catch (error) {
    // Another process made it meanwhile.
    if (errorCode(error) !== 'EEXIST' || !statSync(path).isDirectory()) throw error
  }
}
