/** From a save to its content on the other side: one file at a time, while others are busy, and thousands at once. */
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { until } from '../../test/support/until.ts'
import { type Bench, MINUTES, runningRig } from '../bench.ts'
import { median, ownRow, pairedRow, percentile, type Row } from '../result-rows.ts'
import { saveToVisible } from '../save-to-visible.ts'

const SETTLE_MS = 20
const SAVES = 200
const QUICK_SAVES = 50

/** A small file saved in a large tree → its new content visible on every receiver. */
export function latency(receivers: number) {
  return async (bench: Bench): Promise<Row[]> => {
    await using rig = await runningRig(bench, receivers)
    const ours = await saves(bench, rig.source, rig.targets)
    const theirs = receivers === 1 ? await lsyncdSaves(bench) : []
    const name = receivers === 1 ? '1 receiver' : `${receivers} receivers`
    plot(bench, `Rootferry, ${name}`, ours)
    if (theirs.length > 0) plot(bench, 'lsyncd', theirs)
    return [
      row(`save → visible, ${bench.files} files, ${name}, p50`, ours, theirs, 0.5, `≤ ${10 + SETTLE_MS} ms`),
      row(`save → visible, ${bench.files} files, ${name}, p99`, ours, theirs, 0.99, '≤ 60 ms'),
    ]
  }
}

/**
 * The same to a live receiver, once while nothing else happens and once while another receiver makes its first sync.
 */
export async function busyLatency(bench: Bench): Promise<Row[]> {
  await using rig = await runningRig(bench, 2)
  const [first = '', second = ''] = rig.targets
  const idle = await saves(bench, rig.source, [first])
  const busy: number[] = []
  while (busy.length < QUICK_SAVES) {
    await rig.killReceiver(1)
    for (const place of [second, join(rig.place, 'web2', 'state')]) rmSync(place, { recursive: true, force: true })
    await rig.startReceiver(1)
    while ((await stateOf(rig, 'web2')) !== 'live') {
      busy.push(await saveToVisible(rig.source, [first], savePath(busy.length), `busy ${busy.length}`))
    }
  }
  const ratio = `${(percentile(busy, 0.99) / percentile(idle, 0.99)).toFixed(1)}×`
  return [
    {
      what: 'save → visible while another receiver makes its first sync, p99, to idle',
      ours: `${percentile(busy, 0.99).toFixed(1)} ms`,
      peer: `${percentile(idle, 0.99).toFixed(1)} ms`,
      ratio,
      target: '≤ 5×',
    },
  ]
}

/** 5,000 new files in 100 directories: first write → all visible. */
export async function burst(bench: Bench): Promise<Row[]> {
  await using rig = await runningRig(bench, 1)
  const runs = Math.max(bench.runs, 3)
  const ours: number[] = []
  for (let run = 0; run < runs; run += 1) {
    ours.push(await burstToVisible(rig.source, rig.targets[0] ?? '', `burst-${run}`))
    await rig.inSync(MINUTES)
  }
  if (!bench.peers.hasLsyncd) return [ownRow('burst of 5,000 new files', `${median(ours).toFixed(2)} s`, '')]
  const theirs: number[] = []
  await withLsyncd(bench, async (source, target) => {
    for (let run = 0; run < runs; run += 1) theirs.push(await burstToVisible(source, target, `lsyncd-burst-${run}`))
  })
  return [pairedRow('burst of 5,000 new files, to lsyncd', ours, theirs, '≤ 0.8×')]
}

async function saves(bench: Bench, source: string, targets: string[]): Promise<number[]> {
  const samples: number[] = []
  const count = bench.runs > 1 ? SAVES : QUICK_SAVES
  for (let save = 0; save < count; save += 1) {
    samples.push(await saveToVisible(source, targets, savePath(save), `save ${save}`))
    await delay(30)
  }
  return samples
}

async function lsyncdSaves(bench: Bench): Promise<number[]> {
  if (!bench.peers.hasLsyncd) return []
  return await withLsyncd(bench, (source, target) => saves(bench, source, [target]))
}

async function withLsyncd<Result>(
  bench: Bench,
  work: (source: string, target: string) => Promise<Result>,
): Promise<Result> {
  const target = join(bench.place, 'lsyncd-target')
  await using _ = await bench.peers.lsyncd(bench.tree, target)
  // lsyncd begins with another full run, which must be over first.
  await saveToVisible(bench.tree, [target], 'vendor0/lsyncd-is-here', String(Date.now()))
  const result = await work(bench.tree, target)
  rmSync(target, { recursive: true, force: true })
  return result
}

/** @returns seconds */
async function burstToVisible(source: string, target: string, name: string): Promise<number> {
  const began = performance.now()
  const last: string[] = []
  for (let directory = 0; directory < 100; directory += 1) {
    const path = join(name, `d${directory}`)
    mkdirSync(join(source, path), { recursive: true })
    for (let file = 0; file < 50; file += 1)
      writeFileSync(join(source, path, `f${file}`), `${name} ${directory} ${file}`)
    last.push(join(target, path, 'f49'))
  }
  await until(
    () => last.every((path) => statSync(path, { throwIfNoEntry: false }) !== undefined),
    () => 'the burst did not arrive',
    MINUTES,
  )
  return (performance.now() - began) / 1000
}

function savePath(number: number): string {
  return join('vendor0', 'package-0', `saved-${number % 20}.txt`)
}

function row(what: string, ours: readonly number[], theirs: readonly number[], share: number, target: string): Row {
  const milliseconds = `${percentile(ours, share).toFixed(1)} ms`
  if (theirs.length === 0) return ownRow(what, milliseconds, target)
  const peer = percentile(theirs, share)
  const ratio = `${(percentile(ours, share) / peer).toFixed(2)}×`
  return { what: `${what}, to lsyncd`, ours: milliseconds, peer: `${peer.toFixed(1)} ms`, ratio, target }
}

function plot(bench: Bench, name: string, samples: readonly number[]): void {
  const sorted = [...samples].sort((a, b) => a - b)
  const points = sorted.map((x, at) => ({ x, y: (100 * (at + 1)) / sorted.length }))
  bench.plots.add('Save to visible', { x: 'milliseconds', y: '% of saves' }, { name, points })
}

async function stateOf(
  rig: { status(): Promise<{ receivers: { name: string; state: string }[] }> },
  name: string,
): Promise<string | undefined> {
  return (await rig.status()).receivers.find((receiver) => receiver.name === name)?.state
}
