/** Full resyncs of a tree that is identical already: by metadata, and to the byte beside `rsync -ac`. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { Line } from '../../test/support/line.ts'
import { resyncOf } from '../../test/support/resync-orders.ts'
import { type Bench, MINUTES, runningRig } from '../bench.ts'
import { ownRow, pairedRow, type Row, spread } from '../figures.ts'

const run = promisify(execFile)
const NOTHING = { missing: 0, changed: 0, extraneous: 0 }

export async function resyncs(bench: Bench): Promise<Row[]> {
  await using rig = await runningRig({ ...bench, tls: false }, 1)
  await using line = await Line.to(rig.agentPort)
  await rig.redirect(0, line.port)
  await rig.inSync(MINUTES)
  const metadata: number[] = []
  const content: number[] = []
  const rsync: number[] = []
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
    const began = performance.now()
    if (bench.peers.has('rsync over SSH')) {
      await run('rsync', ['-ac', '--delete', `${rig.source}/`, `${rig.targets[0]}/`])
      rsync.push((performance.now() - began) / 1000)
    }
  }
  return [
    ownRow('metadata resync of an identical tree', spread(metadata, 's'), '≤ 1.5 s'),
    ownRow('its bytes on the wire', `${megabytes.toFixed(1)} MB`, '≤ 12 MB'),
    rsync.length > 0
      ? pairedRow('content resync, against rsync -ac on this machine', content, rsync, '≤ 1.2×')
      : ownRow('content resync', spread(content, 's'), ''),
  ]
}
