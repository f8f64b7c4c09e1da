/** First sync of empty targets, beside parallel rsyncs. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { Rig } from '../../test/support/rig.ts'
import { until } from '../../test/support/until.ts'
import type { Bench } from '../bench.ts'
import { MINUTES } from '../bench.ts'
import { median, type Row, spread } from '../figures.ts'
import type { PeerName } from '../peers.ts'

/** First sync of empty targets, the agent running: from the start of the receivers' processes to all of them live. */
export function firstSync(receivers: number) {
  return async (bench: Bench): Promise<Row[]> => {
    const ours: number[] = []
    const theirs = new Map<PeerName, number[]>(bench.peers.names().map((name) => [name, []]))
    for (let run = 0; run < bench.runs; run += 1) {
      ours.push(await oursToEmpty(bench, receivers))
      for (const [name, seconds] of theirs) seconds.push(await theirsToEmpty(bench, name, receivers))
    }
    const target = receivers === 1 ? '≤ 1.2× SSH' : '≤ 0.7× SSH'
    return [...theirs].map(([name, seconds]) => ({
      what: `first sync, ${bench.files} files, ${receivers} receiver(s), to ${name}`,
      ours: spread(ours, 's'),
      peer: spread(seconds, 's'),
      ratio: `${(median(ours) / median(seconds)).toFixed(2)}×`,
      target: name === 'rsync over SSH' ? target : '',
    }))
  }
}

async function oursToEmpty(bench: Bench, receivers: number): Promise<number> {
  await using rig = await Rig.start({ receivers, place: bench.place, sourceAt: bench.tree, receiversLater: true })
  await until(
    async () => (await rig.status()).roots[0]?.state === 'ready',
    () => 'the agent is not ready',
    MINUTES,
  )
  const began = performance.now()
  await Promise.all(rig.targets.map((_, number) => rig.startReceiver(number)))
  await rig.inSync(5 * MINUTES)
  return (performance.now() - began) / 1000
}

async function theirsToEmpty(bench: Bench, name: PeerName, receivers: number): Promise<number> {
  const targets = Array.from({ length: receivers }, (_, number) => join(bench.place, `peer-target${number}`))
  const began = performance.now()
  await Promise.all(targets.map((target) => bench.peers.copy(name, bench.tree, target)))
  const seconds = (performance.now() - began) / 1000
  for (const target of targets) rmSync(target, { recursive: true, force: true })
  return seconds
}
