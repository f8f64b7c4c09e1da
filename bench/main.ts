/**
 * `npm run bench`: measures Rootferry and its peers in the same run. `npm run bench -- --help` says what can be chosen.
 *
 * Rootferry and its peers take turns; numbers are medians. Trees are generated from a seed on tmpfs (/dev/shm), where
 * the disk does not blur the cost of the programs. Prints one table in Markdown.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { join } from 'node:path'
import { Argument, Command, InvalidArgumentError } from 'commander'
import type { Bench } from './bench.ts'
import { Peers } from './peers.ts'
import { Plots } from './plots.ts'
import { markdown, type Row } from './result-rows.ts'
import { beside } from './rows/beside.ts'
import { calls } from './rows/calls.ts'
import { delta } from './rows/delta.ts'
import { firstSync } from './rows/first-sync.ts'
import { fleet, reconnect } from './rows/fleet.ts'
import { burst, busyLatency, latency } from './rows/latency.ts'
import { moment } from './rows/moment.ts'
import { neighbours } from './rows/neighbours.ts'
import { overtake } from './rows/overtake.ts'
import { readers } from './rows/readers.ts'
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
  calls,
  soak,
  readers: readers([200, 1_000]),
}
/** These take long, or need nats-server, so they must be asked for by name. */
const NOT_BY_DEFAULT = new Set(['calls', 'soak', 'readers'])

interface Chosen {
  quick: boolean
  plain: boolean
  mean: number
  files?: number
  runs?: number
  plots?: string
}

const amount = (word: string) => {
  const value = Number(word)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('a whole number from 1 is expected')
  return value
}
const command = new Command('npm run bench --')
  .description('Measures Rootferry and its peers in the same run.')
  .addArgument(new Argument('[row...]', 'all, if none is named').choices(Object.keys(ROWS)))
  .option('--quick', 'one run with 10,000 files', false)
  .option('--files <number>', 'of a tree; 100,000 without it', amount)
  .option('--runs <number>', 'of each row; 5 without it', amount)
  .option('--mean <bytes>', 'of a file', amount, 8_130)
  .option('--plots <directory>', 'draws histograms there')
  .option('--plain', 'without TLS', false)
  .parse()
const options = command.opts<Chosen>()
const { quick, plain, mean: meanBytes } = options
const { files = quick ? 10_000 : 100_000, runs = quick ? 1 : 5 } = options
const names = command.args.length > 0 ? command.args : Object.keys(ROWS).filter((name) => !NOT_BY_DEFAULT.has(name))

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
  `${files} files, ${(bytes / 1e6).toFixed(0)} MB on ${place}; ${plain ? 'without' : 'with'} TLS; medians of ${runs}, range in brackets\n`,
)

const rows: Row[] = []
const plots = new Plots()
{
  await using peers = await Peers.start(place)
  for (const name of names) {
    console.error(`… ${name}`)
    rows.push(...((await ROWS[name]?.({ place, tree, files, meanBytes, runs, peers, plots, tls: !plain })) ?? []))
  }
}
process.stdout.write(markdown(rows))
if (options.plots !== undefined) for (const file of plots.write(options.plots)) console.error(`plotted ${file}`)

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
