/**
 * Gives a thread's garbage back after bulk work. V8 collects when a thread allocates, not when it rests: after a first
 * sync it would sit on a hundred megabytes for as long as nothing happens.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

let collect: (() => void) | null = null

/** Takes some tens of milliseconds: call it when nobody waits. */
export function collectGarbage(): void {
  if (collect === null) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
  }
  collect()
}
