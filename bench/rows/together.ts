/** A release to 20 receivers: how far apart they begin to show it. */
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Rig } from '../../test/support/rig.ts'
import { until } from '../../test/support/until.ts'
import { type Bench, MINUTES } from '../bench.ts'
import { ownRow, percentile, type Row, spread } from '../result-rows.ts'

const RECEIVERS = 20
const FILES = 400
const RELEASES = 10

/** The kernel notes when each path was replaced, so the time between the first calls of all receivers can be told. */
export async function together(bench: Bench): Promise<Row[]> {
  await using rig = await Rig.start({ receivers: RECEIVERS, place: bench.place, tls: bench.tls, prepare: write('v0') })
  await rig.inSync(5 * MINUTES)
  const rows: Row[] = []
  for (const changes of [6, 220]) {
    const samples: number[] = []
    for (let release = 0; release < RELEASES; release += 1) samples.push(await spreadOf(rig, changes, `${release}`))
    const target = changes === 6 ? '≤ 50 ms' : ''
    const p90 = `p90 ${percentile(samples, 0.9).toFixed(0)} ms`
    rows.push(
      ownRow(`first calls of ${RECEIVERS} receivers, ${changes} changes`, `${spread(samples, 'ms')}, ${p90}`, target),
    )
  }
  return rows
}

async function spreadOf(rig: Rig, changes: number, version: string): Promise<number> {
  const root = `/v1/roots/${rig.site.name}`
  await post(rig, `${root}/hold`)
  for (let file = 0; file < changes; file += 1)
    writeFileSync(join(rig.source, `f${file}`), `release ${version} of ${file}`)
  await until(
    async () => ((await rig.site.root())?.hold?.pending.changes ?? 0) >= changes,
    () => 'the changes are not seen',
    MINUTES,
  )
  await post(rig, `${root}/release`)
  await rig.inSync(MINUTES)
  const firsts = rig.targets.map((target) => {
    return Math.min(...Array.from({ length: changes }, (_, file) => statSync(join(target, `f${file}`)).ctimeMs))
  })
  return Math.max(...firsts) - Math.min(...firsts)
}

async function post(rig: Rig, path: string): Promise<void> {
  const response = await rig.admin(path, { method: 'POST' })
  if (!response.ok) throw new Error(await response.text())
}

function write(version: string): (source: string) => void {
  return (source) => {
    for (let file = 0; file < FILES; file += 1) writeFileSync(join(source, `f${file}`), `${version} of ${file}`)
  }
}
