/** How long the machine has been up: a clock that nobody sets. */
import { uptime } from 'node:os'

/** Milliseconds, also of time in which the machine was suspended. Less than before after another start of the machine. */
export function sinceBootMs(): number {
  return uptime() * 1_000
}
