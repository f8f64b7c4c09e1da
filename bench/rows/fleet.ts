/** The cost of more receivers, and of a receiver that comes back. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Bench, MINUTES, runningRig } from '../bench.ts'
import { processorSeconds } from '../processor-time.ts'
import { ownRow, type Row, spread } from '../result-rows.ts'
import { saveToVisible } from '../save-to-visible.ts'

const CHANGES = 100
const FLEET_FILES = 'fleet'

/** Processor time of the agent per change, by the number of live receivers. */
export function fleet(sizes: readonly number[]) {
  return async (bench: Bench): Promise<Row[]> => {
    const costs: { size: number; milliseconds: number }[] = []
    for (const size of sizes) costs.push({ size, milliseconds: await costOfChange(bench, size) })
    const [one, ...more] = costs
    const last = more.at(-1)
    if (one === undefined || last === undefined) return []
    const added = (100 * (last.milliseconds - one.milliseconds)) / (last.size - one.size) / one.milliseconds
    const figures = costs.map(({ size, milliseconds }) => `${size}: ${milliseconds.toFixed(2)} ms`).join(' · ')
    return [
      ownRow('agent processor time per change, by receivers', figures, ''),
      ownRow('added by each further receiver', `${added.toFixed(1)} % of the first`, '≤ 10 %'),
    ]
  }
}

/** A receiver that was away for 100 changes: from its start to live. */
export async function reconnect(bench: Bench): Promise<Row[]> {
  await using rig = await runningRig(bench, 2)
  const samples: number[] = []
  for (let run = 0; run < Math.max(bench.runs, 3); run += 1) {
    await rig.receivers[1]?.stop()
    for (let change = 0; change < CHANGES; change += 1) {
      writeFileSync(join(rig.source, 'vendor0', `missed-${change}`), `run ${run} change ${change}`)
    }
    await saveToVisible(rig.source, rig.targets.slice(0, 1), 'vendor0/missed-last', `run ${run}`)
    await rig.startReceiver(1)
    const began = performance.now()
    await rig.inSync(MINUTES)
    samples.push((performance.now() - began) / 1000)
  }
  return [ownRow(`receiver back after ${CHANGES} changes, from up to live`, spread(samples, 's'), '≤ 0.3 s')]
}

async function costOfChange(bench: Bench, receivers: number): Promise<number> {
  await using rig = await runningRig({ ...bench, tree: join(bench.place, FLEET_FILES) }, receivers)
  await saveToVisible(rig.source, rig.targets, 'warm-up', 'once')
  const before = processorSeconds([rig.agent?.pid])
  for (let change = 0; change < CHANGES; change += 1) {
    await saveToVisible(rig.source, rig.targets, `change-${change % 10}`, `change ${change} for ${receivers}`)
  }
  return ((processorSeconds([rig.agent?.pid]) - before) * 1000) / CHANGES
}
