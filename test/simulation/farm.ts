/**
 * The simulation that the replaced modules (node:fs, node:sqlite, ws …) work on at present. There is one at a time: the
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
 * Refuses real timers to code under simulation when a simulation exists but no process has its turn: the simulation
 * would never hear of them.
 * @throws when there is such a simulation
 */
export function refuseBetweenTurns(what: string): void {
  if (present !== null && present.scheduler.current === null) throw new Error(`${what} outside of any turn`)
}

/** The process that has its turn. */
export function presentProcess(): Process | null {
  return farm().scheduler.current
}

export function presentMachine(): Machine {
  const machine = presentProcess()?.machine
  return machine instanceof Machine ? machine : farm().bystander
}
