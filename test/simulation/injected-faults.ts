/** The faults of a simulated farm, one at a time, and how each ends. */
import { positionOf } from './judge-committed.ts'
import { GOOD } from './network.ts'
import type { Chance } from './random.ts'
import type { Host, ReceiverHost, World } from './world.ts'

const FAULTS = ['EIO', 'ENOSPC', 'EDQUOT', 'EROFS', 'EMFILE']
const HOUR_MS = 3_600_000
const MOST_STEPS_TO_DEATH = 60

type Trouble = (world: World, host: ReceiverHost, chance: Chance) => string | Promise<string>

const TROUBLES: Record<string, { weight: number; strike: Trouble }> = {
  cut: {
    weight: 4,
    strike: (world, { machine }, chance) => {
      const isSilent = chance.oneIn(4)
      world.network.cut(chance.oneIn(3) ? null : machine.name, isSilent)
      return `a line of ${machine.name} is cut${isSilent ? ', and neither end hears of it' : ''}`
    },
  },
  killReceiver: { weight: 5, strike: (_world, host, chance) => kill(host, chance) },
  killAgent: { weight: 4, strike: (world, _host, chance) => kill(world.agent, chance) },
  powerReceiver: {
    weight: 2,
    strike: (world, host) => {
      world.losePower(host)
      return `${host.machine.name} loses power`
    },
  },
  powerAgent: {
    weight: 1,
    strike: (world) => {
      world.losePower(world.agent)
      return 'the agent loses power'
    },
  },
  full: {
    weight: 3,
    strike: (world, host, chance) => {
      const { machine } = chance.oneIn(4) ? world.agent : host
      machine.isFull = !machine.isFull
      return `the disk of ${machine.name} is ${machine.isFull ? 'full' : 'no longer full'}`
    },
  },
  replaced: {
    weight: 2,
    strike: (world, host) => {
      const isDone = world.replaceTarget(host)
      return `the target of ${host.machine.name} is ${isDone ? 'replaced by an empty directory' : 'left alone'}`
    },
  },
  stranger: {
    weight: 2,
    strike: (_world, { machine, local, isReplaced, isUnread }) => {
      const path = local.putStranger(positionOf(machine) !== null && !isReplaced && !isUnread)
      return `somebody puts '${path}' into the target of ${machine.name}`
    },
  },
  tight: {
    weight: 2,
    strike: (_world, { machine }) => {
      machine.isTight = !machine.isTight
      return `of the disk of ${machine.name} ${machine.isTight ? 'only the reserve is left' : 'more is free again'}`
    },
  },
  fault: {
    weight: 3,
    strike: (_world, { machine }, chance) => {
      machine.nextFault = chance.pick(FAULTS)
      return `${machine.name} meets ${machine.nextFault}`
    },
  },
  clock: {
    weight: 2,
    strike: (world, host, chance) => {
      const { machine } = chance.oneIn(2) ? world.agent : host
      const changeMs = chance.between(-1, 1) * chance.pick([20, 5_000, HOUR_MS])
      // Which of two files on a shared volume is newer, only clocks that agree can tell.
      if (world.shared !== null) return 'no clock is touched'
      machine.clockSkewMs += changeMs
      return `the clock of ${machine.name} is off by ${machine.clockSkewMs.toFixed(0)} ms`
    },
  },
  stall: {
    weight: 2,
    strike: (world, { caller }) => {
      setStalled(world, caller.receiver, !caller.isStalled)
      return `${caller.receiver} ${caller.isStalled ? 'does not read any more' : 'reads again'}`
    },
  },
  block: {
    weight: 2,
    strike: (world, { caller }) => {
      caller.isBlocked = !caller.isBlocked
      if (caller.isBlocked) world.network.cut(caller.receiver)
      return `${caller.receiver} ${caller.isBlocked ? 'does not get through' : 'gets through again'}`
    },
  },
  restart: {
    weight: 2,
    strike: async (world, host, chance) => {
      const one = chance.oneIn(2) ? world.agent : host
      await world.stop(one)
      return `${one.machine.name} is told to stop`
    },
  },
}
const DRAWN = Object.values(TROUBLES).flatMap(({ weight, strike }) => Array<Trouble>(weight).fill(strike))

export async function strike(world: World): Promise<void> {
  const { chance } = world
  const told = await chance.pick(DRAWN)(world, chance.pick(world.receivers), chance)
  world.tell(`— ${told}`)
}

/** Ends all faults, except those of the given receivers. */
export function heal(world: World, but: readonly ReceiverHost[]): void {
  world.agent.machine.recover()
  for (const host of world.receivers) {
    if (but.includes(host)) continue
    host.machine.recover()
    host.caller.isBlocked = false
    host.caller.quality = GOOD
    setStalled(world, host.caller.receiver, false)
  }
  world.tell('— everything works again')
}

/** Makes one receiver useless until it is healed; it must not hold up the others. */
export function spoil(world: World, host: ReceiverHost): void {
  const { chance } = world
  const { caller, machine } = host
  const how = chance.pick(['stalled', 'blocked', 'full', 'creeping'])
  if (how === 'stalled') setStalled(world, caller.receiver, true)
  if (how === 'blocked') caller.isBlocked = true
  if (how === 'full') machine.isFull = true
  if (how === 'creeping') caller.quality = { latencyMs: 5_000, rate: 0.05, repeatsOneIn: 0 }
  world.tell(`— ${machine.name} stays ${how}`)
}

function setStalled(world: World, receiver: string, isStalled: boolean): void {
  const caller = world.network.callers.get(receiver)
  if (caller === undefined) return
  caller.isStalled = isStalled
  if (!isStalled) for (const line of world.network.lines) if (line.caller === caller) line.resume()
}

function kill({ machine, daemon }: Host, chance: Chance): string {
  if (chance.oneIn(4)) {
    daemon?.process.kill()
    return `${machine.name} is killed`
  }
  machine.stepsToDeath = 1 + chance.below(MOST_STEPS_TO_DEATH)
  return `${machine.name} is to be killed at its ${machine.stepsToDeath}th step from now`
}
