/**
 * The time of a save while a large new file is on its way over a slow line: saves go ahead of it. The peer is the same
 * save over the same line at rest.
 */
import { randomFillSync } from 'node:crypto'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Bench, MINUTES, runningRig } from '../bench.ts'
import { percentile, type Row } from '../result-rows.ts'
import { saveToVisible } from '../save-to-visible.ts'

const BYTES_PER_SECOND = 20_000_000
const LARGE_BYTES = 1_000_000_000
const PIECE_BYTES = 4_000_000
const PAUSE_MS = 100
const SAVES_AT_REST = 50
/** The share below which every sample lies but the last one. */
const ALL = 0.99999

export async function overtake(bench: Bench): Promise<Row[]> {
  await using rig = await runningRig(bench, 1)
  rig.editAgent((config) => ({ ...config, limits: { bytesPerSecond: BYTES_PER_SECOND } }))
  if (rig.agent !== null) await rig.hangUp(rig.agent, 'configuration was read again')
  const save = (name: string) => saveToVisible(rig.source, rig.targets, join('vendor0', name), `${performance.now()}`)
  const rest: number[] = []
  while (rest.length < SAVES_AT_REST) {
    rest.push(await save(`rest-${rest.length % 20}`))
    await delay(PAUSE_MS)
  }
  const bytes = bench.runs > 1 ? LARGE_BYTES : LARGE_BYTES / 4
  const beside: number[] = []
  let isOver = false
  const work = writeLarge(join(rig.source, 'large.bin'), bytes)
    .then(() => delay(1_000))
    .then(() => rig.inSync(5 * MINUTES))
    .finally(() => {
      isOver = true
    })
  const waiting: Promise<number>[] = []
  while (!isOver) {
    // Saves come whether earlier ones have arrived or not.
    waiting.push(save(`beside-${waiting.length}`))
    await delay(PAUSE_MS)
  }
  await work
  beside.push(...(await Promise.all(waiting)))
  rmSync(join(rig.source, 'large.bin'))
  const what = `save → visible beside a new file of ${bytes / 1e6} MB over a line of ${BYTES_PER_SECOND / 1e6} MB/s`
  return [0.5, 0.99, ALL].map((share) => ({
    what: `${what}, ${share === ALL ? 'worst' : `p${share * 100}`} of ${beside.length}`,
    ours: `${percentile(beside, share).toFixed(0)} ms`,
    peer: `${percentile(rest, share).toFixed(0)} ms`,
    ratio: `${(percentile(beside, share) / percentile(rest, share)).toFixed(1)}×`,
    target: share === 0.99 ? '≤ 250 ms' : '',
  }))
}

/** As an upload or a backup is written: in pieces, for some seconds. */
async function writeLarge(path: string, bytes: number): Promise<void> {
  const piece = Buffer.alloc(PIECE_BYTES)
  const descriptor = openSync(path, 'w')
  for (let at = 0; at < bytes; at += PIECE_BYTES) {
    writeSync(descriptor, randomFillSync(piece))
    await delay(1)
  }
  closeSync(descriptor)
}
