/** A release to 20 receivers, and changes that are all rounds: how far apart they begin to show them. */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
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
  const rows: Row[] = []
  for (const [mode, sizes] of [
    ['releases', [6, 220]],
    ['always', [6]],
  ] as const) {
    const root = { together: mode }
    await using rig = await Rig.start({
      receivers: RECEIVERS,
      place: bench.place,
      tls: bench.tls,
      root,
      prepare: write('v0'),
    })
    await rig.inSync(5 * MINUTES)
    for (const changes of sizes) {
      const samples: number[] = []
      for (let release = 0; release < RELEASES; release += 1)
        samples.push(await spreadOf(rig, changes, `${mode} ${release}`, mode === 'releases'))
      const target = changes === 6 ? '≤ 50 ms' : ''
      const p90 = `p90 ${percentile(samples, 0.9).toFixed(0)} ms`
      const what = `first calls of ${RECEIVERS} receivers, ${changes} changes, ${mode === 'releases' ? 'a release' : 'together: always'}`
      rows.push(ownRow(what, `${spread(samples, 'ms')}, ${p90}`, target))
    }
  }
  return rows
}

async function spreadOf(rig: Rig, changes: number, version: string, isRelease: boolean): Promise<number> {
  const root = `/v1/roots/${rig.site.name}`
  if (isRelease) await post(rig, `${root}/hold`)
  const texts = Array.from({ length: changes }, (_, file) => `release ${version} of ${file}`)
  for (const [file, text] of texts.entries()) writeFileSync(join(rig.source, `f${file}`), text)
  if (isRelease) {
    await until(
      async () => ((await rig.site.root())?.hold?.pending.changes ?? 0) >= changes,
      () => 'the changes are not seen',
      MINUTES,
    )
    await post(rig, `${root}/release`)
  }
  const isShown = (target: string) =>
    texts.every((text, file) => readFileSync(join(target, `f${file}`), 'utf8') === text)
  await until(
    () => rig.targets.every(isShown),
    () => 'the changes are not shown',
    MINUTES,
  )
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
