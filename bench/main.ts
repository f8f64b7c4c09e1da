/**
 * `npm run bench [-- --quick] [-- --plain] [-- --plots DIRECTORY] [-- ROW…]`: measures Rootferry and its peers in the
 * same run. `-- --runs 9 --files 1000000 --mean 20`: how often, how many files, and of how many bytes on average.
 *
 * Rootferry and its peers take turns; numbers are medians. Trees are generated from a seed on tmpfs (/dev/shm), where
 * the disk does not blur the cost of the programs. Prints one table in Markdown.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Bench } from './bench.ts'
import { Peers } from './peers.ts'
import { Plots } from './plots.ts'
import { markdown, type Row } from './result-rows.ts'
import { beside } from './rows/beside.ts'
import { delta } from './rows/delta.ts'
import { firstSync } from './rows/first-sync.ts'
import { fleet, reconnect } from './rows/fleet.ts'
import { burst, busyLatency, latency } from './rows/latency.ts'
import { moment } from './rows/moment.ts'
import { neighbours } from './rows/neighbours.ts'
import { overtake } from './rows/overtake.ts'
import { resyncs } from './rows/resync.ts'
import { memory, restart, soak } from './rows/standing.ts'
import { together } from './rows/together.ts'
import { makeTree } from './seeded-tree.ts'

const ROWS: Record<string, (bench: Bench) => Promise<Row[]>> = {
  first1: firstSync(1),
  first4: firstSync(4),
  latency: latency(1),
  latency8: latency(8),
  busy: busyLatency,
  burst,
  restart,
  reconnect,
  resync: resyncs,
  delta,
  fleet: fleet([1, 8, 50]),
  neighbours,
  beside,
  overtake,
  together,
  moment,
  memory,
  soak,
}
/** Takes long, so it must be asked for by name. */
const NOT_BY_DEFAULT = new Set(['soak'])

const { values, positionals } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    files: { type: 'string' },
    runs: { type: 'string' },
    mean: { type: 'string' },
    plots: { type: 'string' },
    plain: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})
const files = Number(values.files ?? (values.quick ? 10_000 : 100_000))
const meanBytes = Number(values.mean ?? 8_130)
const runs = Number(values.runs ?? (values.quick ? 1 : 5))
const names = positionals.length > 0 ? positionals : Object.keys(ROWS).filter((name) => !NOT_BY_DEFAULT.has(name))
for (const name of names) {
  if (ROWS[name] === undefined) throw new Error(`no row ${name}: ${Object.keys(ROWS).join(', ')} are there`)
}

const place = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : '/tmp', 'rootferry-bench-'))
process.on('exit', () => rmSync(place, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

const tree = join(place, 'tree')
mkdirSync(tree)
mkdirSync(join(place, 'fleet'))
const bytes = makeTree(tree, { files, meanBytes, seed: 1 })
makeTree(join(place, 'fleet'), { files: 100, meanBytes: 8_130, seed: 2 })
console.log(`${cpus().length} cores, ${cpus()[0]?.model}, Linux ${release()}, ${versions()}`)
console.log(
  `${files} files, ${(bytes / 1e6).toFixed(0)} MB on ${place}; ${values.plain ? 'without' : 'with'} TLS; medians of ${runs}, range in brackets\n`,
)

const rows: Row[] = []
const plots = new Plots()
{
  await using peers = await Peers.start(place)
  for (const name of names) {
    console.error(`… ${name}`)
    rows.push(
      ...((await ROWS[name]?.({ place, tree, files, meanBytes, runs, peers, plots, tls: !values.plain })) ?? []),
    )
  }
}
process.stdout.write(markdown(rows))
if (values.plots !== undefined) for (const file of plots.write(values.plots)) console.error(`plotted ${file}`)

function versions(): string {
  const ask = (program: string, option: string, pattern: RegExp) => {
    try {
      return pattern.exec(execFileSync(program, [option], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }))?.[1]
    } catch {
      // Not installed, so it is not among the peers either.
      return undefined
    }
  }
  const found = [
    ['rsync', ask('rsync', '--version', /version (\S+)/)],
    ['lsyncd', ask('lsyncd', '--version', /Version: (\S+)/)],
  ] as const
  return [
    `Node ${process.version}`,
    ...found.flatMap(([name, version]) => (version ? [`${name} ${version}`] : [])),
  ].join(', ')
}
