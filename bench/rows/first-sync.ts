/** First sync of empty targets, compared with as many rsyncs at once. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Bench, MINUTES, waitingRig } from '../bench.ts'
import { COPIERS, type Copier } from '../peers.ts'
import { processorSeconds } from '../processor-time.ts'
import { median, pairedRow, type Row } from '../result-rows.ts'

interface Cost {
  seconds: number[]
  processor: number[]
}

const TARGETS: Record<number, string> = { 1: '≤ 0.8× SSH', 4: '≤ 0.4× SSH' }

/** From the start of the receivers' processes, with the agent running, until all of them are live. */
export function firstSync(receivers: number) {
  return async (bench: Bench): Promise<Row[]> => {
    const ours: Cost = { seconds: [], processor: [] }
    const theirs = new Map<Copier, Cost>(
      COPIERS.filter((name) => bench.peers.has(name)).map((name) => [name, { seconds: [], processor: [] }]),
    )
    for (let run = 0; run < bench.runs; run += 1) {
      note(ours, await oursToEmpty(bench, receivers))
      for (const [name, cost] of theirs) note(cost, await theirsToEmpty(bench, name, receivers))
    }
    const what = `first sync, ${bench.files} files, ${receivers === 1 ? '1 receiver' : `${receivers} receivers`}`
    const axes = { x: 'receivers', y: 'seconds' }
    for (const [name, cost] of [['Rootferry', ours] as const, ...theirs]) {
      bench.plots.point('First sync by number of receivers', axes, name, { x: receivers, y: median(cost.seconds) })
    }
    // No process can tell what the children of an rsync daemon used.
    const ssh = theirs.get('rsync over SSH')
    const processor = pairedRow(`${what}, processor time, to rsync over SSH`, ours.processor, ssh?.processor ?? [], '')
    return [
      ...[...theirs].map(([name, cost]) =>
        pairedRow(
          `${what}, to ${name}`,
          ours.seconds,
          cost.seconds,
          name === 'rsync over SSH' ? (TARGETS[receivers] ?? '') : '',
        ),
      ),
      ...(ssh === undefined ? [] : [processor]),
    ]
  }
}

function note(cost: Cost, [seconds, processor]: readonly [number, number]): void {
  cost.seconds.push(seconds)
  cost.processor.push(processor)
}

async function oursToEmpty(bench: Bench, receivers: number): Promise<[number, number]> {
  await using rig = await waitingRig(bench, receivers)
  const used = processorSeconds([rig.agent?.pid])
  const began = performance.now()
  await Promise.all(rig.targets.map((_, number) => rig.startReceiver(number)))
  await rig.inSync(5 * MINUTES)
  const seconds = (performance.now() - began) / 1000
  return [seconds, processorSeconds([rig.agent?.pid, ...rig.receivers.map((receiver) => receiver?.pid)]) - used]
}

async function theirsToEmpty(bench: Bench, name: Copier, receivers: number): Promise<[number, number]> {
  const targets = Array.from({ length: receivers }, (_, number) => join(bench.place, `peer-target${number}`))
  const processes = [process.pid, ...bench.peers.pids]
  const own = process.cpuUsage()
  const used = processorSeconds(processes)
  const began = performance.now()
  await Promise.all(targets.map((target) => bench.peers.copy(name, bench.tree, target)))
  const seconds = (performance.now() - began) / 1000
  const { user, system } = process.cpuUsage(own)
  const processor = processorSeconds(processes) - used - (user + system) / 1e6
  for (const target of targets) rmSync(target, { recursive: true, force: true })
  return [seconds, processor]
}
