/**
 * A machine that loses its power at any step of a move to another filesystem has every file in one of the two places,
 * whole: the product's own code on a simulated disk.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { enter } from './farm.ts'
import { installSimulation } from './install.ts'
import { Machine } from './machine.ts'
import { Network } from './network.ts'
import { Chance } from './random.ts'
import { Scheduler } from './scheduler.ts'

installSimulation()
const { keepObject, move } = await import('../../packages/receiver/src/disk/area/move.ts')
const { syncDirectory } = await import('../../packages/host/src/machine/durable-file.ts')
const fs = await import('./disk-calls.ts')

const OTHER_DEVICE = 3
const SETTLING = { name: () => syncDirectory('/trash'), all: null }
const FILES = ['1', '2', 'deep/3', 'deep/4']

function newMachine(seed: number): Machine {
  const scheduler = new Scheduler(new Chance(seed))
  const options = { tickMs: 1, reusesNumbers: false, isVolatile: true, sharedNumbersFrom: 1 }
  const machine = new Machine('web1', scheduler, new Chance(seed), options)
  enter({ scheduler, network: new Network(scheduler, new Chance(seed)), bystander: machine })
  machine.disk.makePath('/trash')
  machine.disk.makePath('/volume', OTHER_DEVICE)
  for (const file of FILES) machine.disk.put(`/volume/tree/${file}`, `content of ${file}`)
  machine.disk.syncAll()
  return machine
}

function contents({ disk }: Machine): Set<string> {
  const found = new Set<string>()
  const waiting = [disk.root]
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    if (at.kind === 'file') found.add(Buffer.from(at.content).toString())
    waiting.push(...at.entries.values())
  }
  return found
}

/** @returns how often something was lost */
function losses(work: () => Generator<unknown>): number {
  let lost = 0
  for (let seed = 1; seed <= 40; seed += 1) {
    for (let steps = 0; steps < 12; steps += 1) {
      const machine = newMachine(seed)
      const walk = work()
      for (let step = 0; step < steps && walk.next().done !== true; step += 1);
      machine.disk.losePower(new Chance(seed * 100 + steps))
      const there = contents(machine)
      lost += FILES.filter((file) => !there.has(`content of ${file}`)).length
      walk.return(undefined)
      enter(null)
    }
  }
  return lost
}

const at = (path: string) => () => path

test('a tree, a file, and a file of which a copy is kept before it is replaced', () => {
  assert.equal(
    losses(() => move(at('/volume/tree'), at('/trash/tree'), SETTLING)),
    0,
  )
  assert.equal(
    losses(() => move(at('/volume/tree/1'), at('/trash/1'), SETTLING)),
    0,
  )
  const replaced = function* () {
    yield* keepObject(at('/volume/tree/1'), at('/trash/1'), SETTLING)
    fs.unlinkSync('/volume/tree/1')
  }
  assert.equal(losses(replaced), 0)
})
