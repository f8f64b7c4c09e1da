/** The rows of the table: each measures one thing, ours and the peers' in turn. */
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, watch, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Rig } from '../test/support/rig.ts'
import { until } from '../test/support/until.ts'
import type { Row } from './main.ts'
import type { PeerName, Peers } from './peers.ts'

export interface Bench {
  place: string
  tree: string
  files: number
  runs: number
  peers: Peers
}

const MINUTES = 60_000
const SETTLE_MS = 20

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

async function runningRig(bench: Bench, receivers: number): Promise<Rig> {
  const rig = await Rig.start({ receivers, place: bench.place, sourceAt: bench.tree })
  await rig.inSync(5 * MINUTES)
  return rig
}

/** Replaces a file as an editor does. @returns milliseconds until the target shows the new content */
async function saveToVisible(rig: Rig, path: string, content: string): Promise<number> {
  const target = join(rig.targets[0] ?? '', path)
  const { promise, resolve } = Promise.withResolvers<number>()
  mkdirSync(dirname(target), { recursive: true })
  const check = () => {
    try {
      if (readFileSync(target, 'utf8') === content) resolve(performance.now())
    } catch (error) {
      if (!(error instanceof Error)) throw error
    }
  }
  const watcher = watch(dirname(target), check)
  const temporary = join(rig.source, `${path}.saving`)
  writeFileSync(temporary, content)
  const saved = performance.now()
  renameSync(temporary, join(rig.source, path))
  const visible = await promise
  watcher.close()
  return visible - saved
}

function residentOf(pid: number | undefined): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const megabytes = (field: string) => Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1000)
  return { now: megabytes('VmRSS'), peak: megabytes('VmHWM') }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}

function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

function spread(samples: readonly number[], unit: string): string {
  if (samples.length === 1) return `${median(samples).toFixed(2)} ${unit}`
  return `${median(samples).toFixed(2)} ${unit} (${Math.min(...samples).toFixed(2)}–${Math.max(...samples).toFixed(2)})`
}
