/** Which start of the machine this is: what was not synced before the last one may be lost. */
import { readFileSync } from 'node:fs'

/** A different text after every start of the machine. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}
