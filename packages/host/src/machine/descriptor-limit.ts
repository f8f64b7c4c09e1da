/** How many descriptors this process may have open, according to the kernel. */
import { readFileSync } from 'node:fs'

/** The usual limit, for systems where /proc does not tell. */
const USUAL = 1024

export function descriptorLimit(): number {
  try {
    return parseDescriptorLimit(readFileSync('/proc/self/limits', 'latin1'))
  } catch {
    // A container may hide /proc/self/limits: the usual limit is then the best guess.
    return USUAL
  }
}

/** @param limits the text of /proc/self/limits; the answer is Infinity for `unlimited` */
export function parseDescriptorLimit(limits: string): number {
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1]
  if (soft === 'unlimited') return Number.POSITIVE_INFINITY
  return soft === undefined ? USUAL : Number(soft)
}
