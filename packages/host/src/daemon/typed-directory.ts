/** A directory as people type it behind `NAME=`, where most shells leave `~` as it is. */
import { resolve } from 'node:path'
import { EXIT, Failure } from '../machine/failure.ts'
import { printable } from '../machine/printable.ts'

/** @returns it, absolute. @throws Failure (2) when it begins with `~/` */
export function typedDirectory(typed: string): string {
  if (!/^~(?:\/|$)/.test(typed)) return resolve(typed)
  throw new Failure(EXIT.usage, `'${printable(typed)}': '~' is not the home directory here: write out the path`)
}
