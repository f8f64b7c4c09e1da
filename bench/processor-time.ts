/** The processor time that work took, which a busy machine blurs less than the clock does. */
import { readFileSync } from 'node:fs'

const TICKS_A_SECOND = 100

/** Seconds that the processes have used, user and system, including their children that have ended. */
export function processorSeconds(pids: readonly (number | undefined)[]): number {
  let ticks = 0
  for (const pid of pids) {
    const status = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = status.slice(status.lastIndexOf(')') + 2).split(' ')
    for (const field of fields.slice(11, 15)) ticks += Number(field)
  }
  return ticks / TICKS_A_SECOND
}
