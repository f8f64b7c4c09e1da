/**
 * `npm run bench [-- --quick] [-- ROW…]`: measures Rootferry beside rsync, in the same run, and prints one table.
 *
 * Ours and theirs take turns; figures are medians. Trees are generated from a seed on tmpfs (/dev/shm), where the disk
 * does not blur what the programs cost. Peers are what is installed: an rsync daemon, and rsync over SSH where sshd is.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Row } from './figures.ts'
import { Peers } from './peers.ts'
import { firstSync } from './rows/first-sync.ts'
import { burst, latency } from './rows/latency.ts'
import { memory, restart, soak } from './rows/standing.ts'
import { makeTree } from './seeded-tree.ts'

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, files: { type: 'string' }, runs: { type: 'string' } },
  allowPositionals: true,
})
const files = Number(values.files ?? (values.quick ? 10_000 : 100_000))
const runs = Number(values.runs ?? (values.quick ? 1 : 3))
const place = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : '/tmp', 'rootferry-bench-'))
const rows: Row[] = []

process.on('exit', () => rmSync(place, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))

const tree = join(place, 'tree')
mkdirSync(tree)
console.log(
  `${cpus().length} cores, ${cpus()[0]?.model}, Node ${process.version}; a tree of ${files} files on ${place}`,
)
const bytes = makeTree(tree, { files, meanBytes: 8_130, seed: 1 })
console.log(`${(bytes / 1e6).toFixed(0)} MB generated`)

const all = { first1: firstSync(1), first4: firstSync(4), latency, burst, restart, memory, soak } as const
const names = positionals.length > 0 ? positionals : Object.keys(all).filter((name) => name !== 'soak')
{
  await using peers = await Peers.start(place)
  for (const name of names) {
    const row = all[name as keyof typeof all]
    if (row === undefined) throw new Error(`no row ${name}: ${Object.keys(all).join(', ')} are there`)
    console.log(`… ${name}`)
    rows.push(...(await row({ place, tree, files, runs, peers })))
  }
}
print(rows)

function print(table: Row[]): void {
  const columns = ['what', 'ours', 'peer', 'ratio', 'target'] as const
  const widths = columns.map((column) => Math.max(column.length, ...table.map((row) => row[column].length)))
  const line = (cells: readonly string[]) =>
    console.log(`| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`)
  line(columns)
  line(widths.map((width) => '-'.repeat(width)))
  for (const row of table) line(columns.map((column) => row[column]))
}
