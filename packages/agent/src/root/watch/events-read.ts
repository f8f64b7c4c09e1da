/** When the events of `fs.watch` have been handed on. */
import { setImmediate as nextTurn } from 'node:timers/promises'

/** Resolves when those that the kernel has by now are: libuv reads all of them once a turn, and the present one may be past that. */
export async function eventsRead(): Promise<void> {
  await nextTurn()
  await nextTurn()
}
