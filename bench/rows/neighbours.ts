/**
 * The cost that a slow and a flapping receiver among eight have for the other six, compared with the same fleet on good
 * lines.
 */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Line } from '../../test/support/line.ts'
import { type Bench, MINUTES, runningRig } from '../bench.ts'
import { percentile, type Row } from '../result-rows.ts'
import { saveToVisible } from '../save-to-visible.ts'

const RECEIVERS = 8
const SLOW_BYTES_A_SECOND = 10_000
/** More bytes per save than the slow line carries until the next save. */
const SAVED_BYTES = 4_000
const FLAP_MS = 300
const SAVES_A_TURN = 50

/** Turns with good and with bad neighbours alternate; the six receivers that are well in both are measured. */
export async function neighbours(bench: Bench): Promise<Row[]> {
  await using rig = await runningRig(bench, RECEIVERS)
  await using slow = await Line.to(rig.agentPort)
  await using flapping = await Line.to(rig.agentPort)
  await rig.redirect(0, slow.port)
  await rig.redirect(1, flapping.port)
  await rig.inSync(5 * MINUTES)
  const samples = { good: [] as number[], bad: [] as number[] }
  for (let turn = 0; turn < 2 * bench.runs; turn += 1) {
    const isBad = turn % 2 === 1
    if (isBad) slow.throttle(SLOW_BYTES_A_SECOND)
    const flaps = isBad ? setInterval(() => flapping.cut(), FLAP_MS) : undefined
    for (let save = 0; save < SAVES_A_TURN; save += 1) {
      const content = `${turn} ${save} `.padEnd(SAVED_BYTES, 'x')
      const took = await saveToVisible(
        rig.source,
        rig.targets.slice(2),
        join('vendor0', `beside-${save % 20}`),
        content,
      )
      samples[isBad ? 'bad' : 'good'].push(took)
      await delay(30)
    }
    clearInterval(flaps)
    slow.throttle(Number.POSITIVE_INFINITY)
    await rig.inSync(5 * MINUTES)
  }
  return [row('p50', samples, 0.5), row('p99', samples, 0.99)]
}

function row(name: string, { good, bad }: { good: number[]; bad: number[] }, share: number): Row {
  const [ours, peer] = [percentile(bad, share), percentile(good, share)]
  return {
    what: `save → visible on six alongside a slow and a flapping receiver, to the six without, ${name}`,
    ours: `${ours.toFixed(1)} ms`,
    peer: `${peer.toFixed(1)} ms`,
    ratio: `${(ours / peer).toFixed(2)}×`,
    target: '≈ 1×',
  }
}
