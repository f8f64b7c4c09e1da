/**
 * Full resyncs of a tree that is identical already: by metadata compared with `rsync -a`, and to the byte compared with
 * `rsync -ac`.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { Line } from '../../test/support/line.ts'
import { resyncOf } from '../../test/support/resync-orders.ts'
import { type Bench, MINUTES, runningRig } from '../bench.ts'
import { ownRow, pairedRow, type Row, spread } from '../result-rows.ts'

const run = promisify(execFile)
const NOTHING = { missing: 0, changed: 0, extraneous: 0 }

export async function resyncs(bench: Bench): Promise<Row[]> {
  await using rig = await runningRig({ ...bench, tls: false }, 1)
  await using line = await Line.to(rig.agentPort)
  await rig.redirect(0, line.port)
  await rig.inSync(MINUTES)
  const metadata: number[] = []
  const content: number[] = []
  const rsync: Record<'metadata' | 'content', number[]> = { metadata: [], content: [] }
  let megabytes = 0
  const measure = async (check: 'metadata' | 'content') => {
    const before = line.received
    const began = performance.now()
    const { missing, changed, extraneous } = await resyncOf(rig, 'web1', { check, dryRun: false })
    const seconds = (performance.now() - began) / 1000
    if (JSON.stringify({ missing, changed, extraneous }) !== JSON.stringify(NOTHING)) throw new Error('there is drift')
    if (check === 'metadata') megabytes = (line.received - before) / 1e6
    return seconds
  }
  for (let round = 0; round < Math.max(bench.runs, 3); round += 1) {
    metadata.push(await measure('metadata'))
    content.push(await measure('content'))
    if (!bench.peers.has('rsync over SSH')) continue
    const began = performance.now()
    await bench.peers.copy('rsync over SSH', rig.source, rig.targets[0] ?? '')
    const between = performance.now()
    await run('rsync', ['-ac', '--delete', `${rig.source}/`, `${rig.targets[0]}/`])
    rsync.metadata.push((between - began) / 1000)
    rsync.content.push((performance.now() - between) / 1000)
  }
  return [
    rsync.metadata.length > 0
      ? pairedRow('metadata resync of an identical tree, to rsync -a over SSH', metadata, rsync.metadata, '≤ 0.6× SSH')
      : ownRow('metadata resync of an identical tree', spread(metadata, 's'), '≤ 0.6× SSH'),
    ownRow('its bytes on the wire', `${megabytes.toFixed(1)} MB`, '≤ 1 MB'),
    rsync.content.length > 0
      ? pairedRow('content resync, to rsync -ac on this machine', content, rsync.content, '≤ 1.2×')
      : ownRow('content resync', spread(content, 's'), ''),
  ]
}
