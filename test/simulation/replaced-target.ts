/**
 * The oracle of a target that another directory replaces: nothing is said to be committed then that nobody can see (G4).
 *
 * Threads may say what they did before, for a moment. A process that starts after it opens the directory that is there.
 */
import type { Frame } from './socket.ts'
import { Violation } from './violation.ts'
import type { ReceiverHost } from './world.ts'

/** The longest way of a message from one thread to another. */
const UNDER_WAY_MS = 1_000

/** A process starts: what it says is of the directory that is there now. */
export function noteStart(host: ReceiverHost): void {
  if (host.isReplaced) host.replacedAt = Number.NEGATIVE_INFINITY
}

/** @throws Violation when something is said to be committed that nobody can see */
export function noteReplaced(host: ReceiverHost, frame: Frame, now: number): void {
  if (frame.kind !== 'text') return
  const { type, sequence } = JSON.parse(frame.data.toString())
  // What was done before that may be on its way between the threads.
  const isLate = now > (host.replacedAt ?? now) + UNDER_WAY_MS
  if (type === 'hello' && (isLate || sequence === 0)) host.isReplaced = false
  if (isLate && (type === 'committed' || type === 'resynced'))
    throw new Violation('G4', `${host.machine.name} says ${type}, and its target is another directory`)
}
