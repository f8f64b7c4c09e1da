/** The cost of an agent and a receiver while little happens: restart, memory, a long soak. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Bench, MINUTES, runningRig } from '../bench.ts'
import { ownRow, type Row, residentOf, spread } from '../result-rows.ts'
import { saveToVisible } from '../save-to-visible.ts'
import { makeTree } from '../seeded-tree.ts'

/** Orderly restart of the agent on an unchanged tree: start of the process → ready and receiver live. */
export async function restart(bench: Bench): Promise<Row[]> {
  await using rig = await runningRig(bench, 1)
  const samples: number[] = []
  for (let run = 0; run < Math.max(bench.runs, 3); run += 1) {
    await rig.agent?.stop()
    const began = performance.now()
    await rig.startAgent()
    await rig.inSync(MINUTES)
    samples.push((performance.now() - began) / 1000)
  }
  return [ownRow(`agent restart, ${bench.files} files unchanged`, spread(samples, 's'), '≤ 1.5 s')]
}

/** Resident memory with a tenth of the files, and with all. */
export async function memory(bench: Bench): Promise<Row[]> {
  const tenth = { ...bench, files: bench.files / 10, tree: join(bench.place, 'tenth') }
  makeTree(tenth.tree, { files: tenth.files, meanBytes: bench.meanBytes, seed: 3 })
  return [...(await memoryWith(tenth)), ...(await memoryWith(bench))]
}

/** After a first sync and a rest, and after a restart of the agent. */
async function memoryWith(bench: Bench): Promise<Row[]> {
  const isLarge = bench.files > 100_000
  const target = isLarge ? { agent: '≤ 350 MB', receiver: '≤ 200 MB' } : { agent: '≤ 200 MB', receiver: '≤ 150 MB' }
  await using rig = await runningRig(bench, 1)
  await delay(5_000)
  const rows = [
    memoryRow(bench, 'agent after a first sync', rig.agent?.pid, target.agent),
    memoryRow(bench, 'receiver after a first sync', rig.receivers[0]?.pid, target.receiver),
  ]
  await rig.agent?.stop()
  await rig.startAgent()
  await rig.inSync(MINUTES)
  await delay(5_000)
  return [...rows, memoryRow(bench, 'agent, restarted', rig.agent?.pid, target.agent)]
}

function memoryRow(bench: Bench, who: string, pid: number | undefined, target: string): Row {
  const { now, peak } = residentOf(pid)
  bench.plots.point('Memory by entries', { x: 'files', y: 'MB resident' }, who, { x: bench.files, y: now })
  return ownRow(`memory of the ${who}, ${bench.files} files`, `${now} MB (peak ${peak})`, target)
}

/** 10,000 changesets one after the other: memory must not grow. */
export async function soak(bench: Bench): Promise<Row[]> {
  await using rig = await runningRig(bench, 1)
  const resident = () => `${residentOf(rig.agent?.pid).now} / ${residentOf(rig.receivers[0]?.pid).now} MB`
  const figures: string[] = []
  for (let changeset = 0; changeset < 10_000; changeset += 1) {
    await saveToVisible(rig.source, rig.targets, join('vendor0', `soak-${changeset % 500}`), `changeset ${changeset}`)
    if (changeset % 2_500 === 0 || changeset === 9_999) figures.push(resident())
  }
  return [ownRow('memory of agent / receiver over 10,000 changesets', figures.join(' → '), 'flat')]
}
