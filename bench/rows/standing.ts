/** What an agent and a receiver cost while nothing much happens: restart, memory, a long soak. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Bench, MINUTES, runningRig } from '../bench.ts'
import { type Row, residentOf, spread } from '../figures.ts'
import { saveToVisible } from '../save-to-visible.ts'

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
  return [
    {
      what: `agent restart, ${bench.files} files unchanged`,
      ours: spread(samples, 's'),
      peer: '',
      ratio: '',
      target: '≤ 1.5 s',
    },
  ]
}

/** Resident memory after the first sync and a rest. */
export async function memory(bench: Bench): Promise<Row[]> {
  await using rig = await runningRig(bench, 1)
  await delay(5_000)
  const row = (who: string, pid: number | undefined, target: string): Row => {
    const { now, peak } = residentOf(pid)
    return {
      what: `memory of the ${who}, ${bench.files} files`,
      ours: `${now} MB (peak ${peak})`,
      peer: '',
      ratio: '',
      target,
    }
  }
  const rows = [
    row('agent after a first sync', rig.agent?.pid, '≤ 300 MB'),
    row('receiver after a first sync', rig.receivers[0]?.pid, '≤ 150 MB'),
  ]
  await rig.agent?.stop()
  await rig.startAgent()
  await rig.inSync(MINUTES)
  await delay(3_000)
  return [...rows, row('agent, restarted', rig.agent?.pid, '≤ 300 MB')]
}

/** 10,000 changesets one after the other: memory must not grow. */
export async function soak(bench: Bench): Promise<Row[]> {
  await using rig = await runningRig(bench, 1)
  const resident = () => `${residentOf(rig.agent?.pid).now} / ${residentOf(rig.receivers[0]?.pid).now} MB`
  const figures: string[] = []
  for (let changeset = 0; changeset < 10_000; changeset += 1) {
    await saveToVisible(rig, join('vendor0', `soak-${changeset % 500}`), `changeset ${changeset}`)
    if (changeset % 2_500 === 0 || changeset === 9_999) figures.push(resident())
  }
  return [
    { what: 'agent / receiver over 10,000 changesets', ours: figures.join(' → '), peer: '', ratio: '', target: 'flat' },
  ]
}
