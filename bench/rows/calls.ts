/**
 * Both ways of calling the kernel on the same tree, in turns: a first scan, a first sync, a restart of the agent, and
 * resyncs of a tree that is identical. Time, and processor time of both daemons, which a busy machine blurs less.
 */

import { resyncOf } from '../../test/support/resync-orders.ts'
import { Rig } from '../../test/support/rig.ts'
import { until } from '../../test/support/until.ts'
import { type Bench, MINUTES } from '../bench.ts'
import { processorSeconds } from '../processor-time.ts'
import { pairedRow, type Row } from '../result-rows.ts'

const WAYS = ['libc', 'portable'] as const
type Way = (typeof WAYS)[number]
interface Cost {
  seconds: number[]
  processor: number[]
}

export async function calls(bench: Bench): Promise<Row[]> {
  const costs = new Map<string, Record<Way, Cost>>()
  for (let run = 0; run < Math.max(bench.runs, 3); run += 1) {
    // Whoever goes second may find a warmer machine.
    for (const way of run % 2 === 0 ? WAYS : WAYS.toReversed()) {
      await measure(bench, way, (what, seconds, processor) => {
        const cost = costs.get(what) ?? { libc: nothing(), portable: nothing() }
        costs.set(what, cost)
        cost[way].seconds.push(seconds)
        cost[way].processor.push(processor)
      })
    }
  }
  return [...costs].flatMap(([what, { libc, portable }]) => [
    pairedRow(`${what}, libc to portable`, libc.seconds, portable.seconds, ''),
    pairedRow('its processor time', libc.processor, portable.processor, ''),
  ])
}

async function measure(
  bench: Bench,
  systemCalls: Way,
  note: (what: string, seconds: number, processor: number) => void,
): Promise<void> {
  const { place, tree, tls } = bench
  const began = performance.now()
  await using rig = await Rig.start({ receivers: 1, place, sourceAt: tree, tls, systemCalls, receiversLater: true })
  await isReady(rig)
  note('first scan', (performance.now() - began) / 1000, processorSeconds([rig.agent?.pid]))
  const timed = async (what: string, work: () => Promise<unknown>) => {
    const used = processorSeconds([rig.agent?.pid])
    const [from, receiver] = [performance.now(), rig.receivers[0]]
    const usedThere = receiver ? processorSeconds([receiver.pid]) : 0
    await work()
    const seconds = (performance.now() - from) / 1000
    note(what, seconds, processorSeconds([rig.agent?.pid, rig.receivers[0]?.pid]) - used - usedThere)
  }
  await timed('first sync', async () => {
    await rig.startReceiver(0)
    await rig.inSync(5 * MINUTES)
  })
  for (const check of ['metadata', 'content'] as const)
    await timed(`${check} resync`, () => resyncOf(rig, 'web1', { check, dryRun: true }))
  await rig.killReceiver(0)
  await rig.agent?.stop()
  const restarted = performance.now()
  await rig.startAgent()
  await isReady(rig)
  note('agent restart', (performance.now() - restarted) / 1000, processorSeconds([rig.agent?.pid]))
}

async function isReady(rig: Rig): Promise<void> {
  await until(
    async () => (await rig.status()).roots[0]?.state === 'ready',
    () => 'the agent is not ready',
    2 * MINUTES,
  )
}

function nothing(): Cost {
  return { seconds: [], processor: [] }
}
