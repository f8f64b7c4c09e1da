/** From a save to its content on the receiver: one file, and thousands at once. */
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { until } from '../../test/support/until.ts'
import { type Bench, MINUTES, runningRig } from '../bench.ts'
import { median, type Row, spread } from '../figures.ts'
import { saveToVisible } from '../save-to-visible.ts'

const SETTLE_MS = 20

/** A small file saved somewhere in the tree → its new content visible on the receiver. */
export async function latency(bench: Bench): Promise<Row[]> {
  await using rig = await runningRig(bench, 1)
  const samples: number[] = []
  const count = 200
  for (let save = 0; save < count; save += 1) {
    const path = join('vendor0', 'package-0', `saved-${save % 20}.txt`)
    samples.push(await saveToVisible(rig, path, `save ${save}`))
    await delay(30)
  }
  samples.sort((a, b) => a - b)
  const p99 = samples[Math.floor(count * 0.99)] ?? 0
  return [
    {
      what: `save → visible, ${bench.files} files, p50`,
      ours: `${median(samples).toFixed(1)} ms`,
      peer: '',
      ratio: '',
      target: `≤ ${10 + SETTLE_MS} ms`,
    },
    {
      what: `save → visible, ${bench.files} files, p99`,
      ours: `${p99.toFixed(1)} ms`,
      peer: '',
      ratio: '',
      target: '≤ 60 ms',
    },
  ]
}

/** 5,000 new files in 100 directories: first write → all visible. */
export async function burst(bench: Bench): Promise<Row[]> {
  await using rig = await runningRig(bench, 1)
  const samples: number[] = []
  for (let run = 0; run < Math.max(bench.runs, 3); run += 1) {
    const began = performance.now()
    const last: string[] = []
    for (let directory = 0; directory < 100; directory += 1) {
      const path = join(`burst-${run}`, `d${directory}`)
      mkdirSync(join(rig.source, path), { recursive: true })
      for (let file = 0; file < 50; file += 1)
        writeFileSync(join(rig.source, path, `f${file}`), `burst ${run} ${directory} ${file}`)
      last.push(join(rig.targets[0] ?? '', path, 'f49'))
    }
    await until(
      () => last.every((path) => exists(path)),
      () => 'the burst did not arrive',
      MINUTES,
    )
    samples.push((performance.now() - began) / 1000)
    await rig.inSync(MINUTES)
  }
  return [{ what: 'burst of 5,000 new files', ours: spread(samples, 's'), peer: '', ratio: '', target: '' }]
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}
