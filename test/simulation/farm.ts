/**
 * Which simulation the replaced modules (node:fs, node:sqlite, ws …) work on at present. There is one at a time: the
 * code under test imports those modules once, and runs come one after the other.
 */
import { Machine } from './machine.ts'
import type { Network } from './network.ts'
import type { Process, Scheduler } from './scheduler.ts'

export interface Farm {
  scheduler: Scheduler
  network: Network
  /** The machine of calls that no process makes. */
  bystander: Machine
}

let present: Farm | null = null

export function enter(farm: Farm | null): void {
  present = farm
}

export function farm(): Farm {
  if (present === null) throw new Error('no simulation is under way')
  return present
}

/** Whether a process of a simulation has its turn. */
export function isUnderWay(): boolean {
  return present !== null && present.scheduler.current !== null
}

/**
 * Whether code under simulation may set real timers: a simulation that is there, but has given nobody a turn, would
 * never hear of them.
 * @throws when there is one
 */
export function refuseBetweenTurns(what: string): void {
  if (present !== null && present.scheduler.current === null) throw new Error(`${what} outside of any turn`)
}

/** Whose turn it is. */
export function presentProcess(): Process | null {
  return farm().scheduler.current
}

export function presentMachine(): Machine {
  const machine = presentProcess()?.machine
  return machine instanceof Machine ? machine : farm().bystander
}
