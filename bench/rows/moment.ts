/**
 * How long a release of many files takes from its first call to its last on one receiver: for so long a visitor can see
 * two versions. On a disk, as tmpfs has no journal and no old blocks to free.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Rig } from '../../test/support/rig.ts'
import { until } from '../../test/support/until.ts'
import { type Bench, MINUTES } from '../bench.ts'
import { ownRow, type Row, spread } from '../result-rows.ts'

const FILES_EACH = 500
const CASES = [
  { replaced: 2_000, removed: 200, target: '≤ 60 ms' },
  { replaced: 25_000, removed: 0, target: '' },
] as const

export async function moment(bench: Bench): Promise<Row[]> {
  const rows: Row[] = []
  for (const { replaced, removed, target } of CASES) {
    const samples: number[] = []
    const place = mkdtempSync(join(tmpdir(), 'rootferry-bench-'))
    try {
      await using rig = await Rig.start({
        receivers: 1,
        place,
        tls: bench.tls,
        prepare: (source) => write(source, 'v0', replaced, removed),
      })
      await rig.inSync(5 * MINUTES)
      for (let run = 1; run <= Math.max(3, bench.runs); run += 1)
        samples.push(await burstOf(rig, run, replaced, removed))
    } finally {
      rmSync(place, { recursive: true, force: true })
    }
    const what = `release of ${replaced} replaced and ${removed} removed files on a disk, first to last call`
    rows.push(ownRow(what, spread(samples, 'ms'), target))
  }
  return rows
}

async function burstOf(rig: Rig, run: number, replaced: number, removed: number): Promise<number> {
  const root = `/v1/roots/${rig.site.name}`
  if (removed > 0) {
    write(rig.source, `v${run}`, 0, removed)
    await rig.inSync(MINUTES)
  }
  await post(rig, `${root}/hold`, {})
  write(rig.source, `v${run}`, replaced, 0)
  for (let file = 0; file < removed; file += 1) rmSync(join(rig.source, `d0/gone${file}`))
  await until(
    async () => ((await rig.site.root())?.hold?.pending.changes ?? 0) >= replaced + removed,
    () => 'the changes are not seen',
    MINUTES,
  )
  const { round } = await post(rig, `${root}/release`, { waitSeconds: 120 })
  await rig.inSync(MINUTES)
  const answer = await rig.admin(`/v1/rounds/${round}`)
  const { members } = (await answer.json()) as { members: { burstMs: number | null }[] }
  return members[0]?.burstMs ?? Number.NaN
}

function write(source: string, version: string, replaced: number, removed: number): void {
  mkdirSync(join(source, 'd0'), { recursive: true })
  for (let file = 0; file < replaced; file += 1) {
    const directory = join(source, `d${Math.floor(file / FILES_EACH)}`)
    if (file % FILES_EACH === 0) mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, `f${file}.php`), `<?php // ${version} of ${file}\n`)
  }
  for (let file = 0; file < removed; file += 1) writeFileSync(join(source, `d0/gone${file}`), version)
}

async function post(rig: Rig, path: string, body: object): Promise<{ round: string }> {
  const headers = { 'content-type': 'application/json' }
  const response = await rig.admin(path, { method: 'POST', headers, body: JSON.stringify(body) })
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return JSON.parse(text)
}
