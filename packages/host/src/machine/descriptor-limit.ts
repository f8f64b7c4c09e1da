/** How many descriptors this process may have open, by what the kernel says of it. */
import { readFileSync } from 'node:fs'

/** The usual limit, for where /proc does not tell. */
const USUAL = 1024

export function descriptorLimit(): number {
  try {
    return parseDescriptorLimit(readFileSync('/proc/self/limits', 'latin1'))
  } catch {
    // A container may hide /proc/self/limits: the usual limit is then as good a guess as any.
    return USUAL
  }
}

/** @param limits what /proc/self/limits holds; Infinity where nothing is limited */
export function parseDescriptorLimit(limits: string): number {
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1]
  if (soft === 'unlimited') return Number.POSITIVE_INFINITY
  return soft === undefined ? USUAL : Number(soft)
}
