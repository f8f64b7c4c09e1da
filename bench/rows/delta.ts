/** A large file that changes a little: how long it takes until the target has it, and how many bytes travel. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFileSync, closeSync, mkdirSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Line } from '../../test/support/line.ts'
import { Rig } from '../../test/support/rig.ts'
import { until } from '../../test/support/until.ts'
import { type Bench, MINUTES } from '../bench.ts'
import { median, pairedRow, type Row } from '../result-rows.ts'

const FILE_BYTES = 1024 ** 3
const CHANGED_BYTES = 1_000_000
const PIECE_BYTES = 16 * 1024 * 1024

/** How rsync does it: as a delta over SSH (its way between hosts), as a delta between paths, or as a whole file. */
const PEERS = {
  'rsync over SSH': (bench: Bench) => ['-e', bench.peers.sshCommand],
  'rsync --no-whole-file': () => ['--no-whole-file'],
  'rsync --whole-file': () => ['--whole-file'],
}

interface Cost {
  seconds: number[]
  bytes: number[]
}

/** 1 MB changed in the middle of a file of 1 GB. */
export async function delta(bench: Bench): Promise<Row[]> {
  const source = join(bench.place, 'delta')
  const target = join(bench.place, 'delta-by-rsync')
  mkdirSync(source)
  for (let at = 0; at < FILE_BYTES; at += PIECE_BYTES) appendFileSync(join(source, 'big'), randomBytes(PIECE_BYTES))
  const names = Object.keys(PEERS).filter((name) => name !== 'rsync over SSH' || bench.peers.has('rsync over SSH'))
  const theirs = new Map(names.map((name): [string, Cost] => [name, { seconds: [], bytes: [] }]))
  const ours: Cost = { seconds: [], bytes: [] }
  {
    await using rig = await Rig.start({ receivers: 1, place: bench.place, sourceAt: source, tls: bench.tls })
    await using line = await Line.to(rig.agentPort)
    await rig.redirect(0, line.port)
    await rig.inSync(5 * MINUTES)
    await rsync(source, target, [])
    for (let run = 0; run < bench.runs; run += 1) {
      change(source, run)
      await oursTo(rig, line, ours)
      for (const [name, cost] of theirs) {
        change(source, run + 0.5)
        await rig.inSync(5 * MINUTES)
        await theirsTo(bench, name as keyof typeof PEERS, source, target, cost)
      }
    }
  }
  for (const place of [source, target]) rmSync(place, { recursive: true, force: true })
  const what = '1 MB changed in a file of 1 GB'
  return [...theirs].flatMap(([name, { seconds, bytes }]) => [
    pairedRow(`${what}, to ${name}`, ours.seconds, seconds, name === 'rsync over SSH' ? '< 1×' : ''),
    {
      what: `the same, bytes on the wire, to ${name}`,
      ours: megabytes(ours.bytes),
      peer: megabytes(bytes),
      ratio: `${(median(ours.bytes) / median(bytes)).toFixed(2)}×`,
      target: '≤ 3 MB',
    },
  ])
}

function change(source: string, run: number): void {
  const descriptor = openSync(join(source, 'big'), 'r+')
  writeSync(descriptor, randomBytes(CHANGED_BYTES), 0, CHANGED_BYTES, FILE_BYTES / 2 + Math.floor(run * 7_654_321))
  closeSync(descriptor)
}

async function oursTo(rig: Rig, line: Line, cost: Cost): Promise<void> {
  const began = performance.now()
  const sent = line.received
  const time = statSync(join(rig.source, 'big')).mtimeMs
  await until(
    () => Math.abs(statSync(join(rig.targets[0] ?? '', 'big')).mtimeMs - time) < 0.01,
    () => 'the change did not arrive',
    5 * MINUTES,
  )
  cost.seconds.push((performance.now() - began) / 1000)
  cost.bytes.push(line.received - sent)
  await rig.inSync(5 * MINUTES)
}

async function theirsTo(
  bench: Bench,
  name: keyof typeof PEERS,
  source: string,
  target: string,
  cost: Cost,
): Promise<void> {
  const began = performance.now()
  const to = name === 'rsync over SSH' ? `127.0.0.1:${target}` : target
  const report = await rsync(source, to, [...PEERS[name](bench), '--stats'])
  cost.seconds.push((performance.now() - began) / 1000)
  const bytes = (of: string) =>
    Number(new RegExp(`Total bytes ${of}: ([0-9,]+)`).exec(report)?.[1]?.replaceAll(',', ''))
  cost.bytes.push(bytes('sent') + bytes('received'))
}

async function rsync(source: string, target: string, options: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('rsync', ['-a', '--delete', ...options, `${source}/`, `${target}/`])
  return stdout
}

function megabytes(bytes: readonly number[]): string {
  return `${(median(bytes) / 1e6).toFixed(2)} MB`
}
