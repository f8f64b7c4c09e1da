/**
 * Names in the trash: of a batch, and of an object whose name is taken in its batch. Pure.
 *
 *   2026-01-31T08-15-00-000Z/app/env.php, app/env.php~1, app/env.php~2 …     the last of them is the latest
 */
import { Buffer } from 'node:buffer'

/** The longest name that Linux accepts. */
const MOST_NAME_BYTES = 255
const BATCH = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z$/

/** @param ms when the batch begins, since 1970 */
export function batchName(ms: number): string {
  return new Date(ms).toISOString().replaceAll(/[:.]/g, '-')
}

export function isBatchName(name: string): boolean {
  return BATCH.test(name)
}

/** @param number how many objects with this name are in the batch already. @returns a name that is short enough */
export function numbered(name: string, number: number): string {
  return suffixed(name, number === 0 ? '' : `~${number}`)
}

/** Shortened between two characters if needed: bytes that are no text are longer as text. */
function suffixed(name: string, suffix: string): string {
  const room = MOST_NAME_BYTES - Buffer.byteLength(suffix)
  if (Buffer.byteLength(name) <= room) return name + suffix
  let short = ''
  let bytes = 0
  for (const character of name) {
    bytes += Buffer.byteLength(character)
    if (bytes > room) break
    short += character
  }
  return short + suffix
}
