/** Identifies the present start of the machine: writes that were not synced before it may be lost. */
import { readFileSync } from 'node:fs'

/** A different text after every start of the machine. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}
