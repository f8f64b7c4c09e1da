/**
 * Either side is killed or stopped at an awkward moment: afterwards the trees become equal, and only what was missed is
 * sent again.
 */
import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Line } from '../support/line.ts'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'

const SLACK_BYTES = 64 * 1024
const BURST = 300

function fill(source: string): void {
  mkdirSync(join(source, 'app'))
  for (let number = 0; number < 200; number += 1)
    writeFileSync(join(source, 'app', `file-${number}`), Buffer.alloc(5_000, `${number} `))
}

function burst(source: string, name: string): void {
  mkdirSync(join(source, name))
  for (let number = 0; number < BURST; number += 1)
    writeFileSync(join(source, name, `file-${number}`), Buffer.alloc(number * 10, name))
}

async function rootOf(rig: Rig) {
  const root = (await rig.status()).roots[0]
  assert.ok(root !== undefined)
  return root
}

test('an agent killed in a burst continues with its epoch, and finds what changed while it was away', async () => {
  await using rig = await Rig.start({ prepare: fill })
  await rig.converged()
  const before = await rootOf(rig)
  burst(rig.source, 'one')
  await rig.killAgent()
  burst(rig.source, 'two')
  rmSync(join(rig.source, 'app/file-1'))
  appendFileSync(join(rig.source, 'app/file-2'), 'while it was away')
  await rig.startAgent()
  await rig.converged()
  const after = await rootOf(rig)
  assert.equal(after.epoch, before.epoch)
  assert.ok(after.sequence > before.sequence)
})

test('an agent stopped and started on an unchanged tree: the same sequences, and nothing is sent', async () => {
  await using rig = await Rig.start({ receivers: 1, prepare: fill })
  await using line = await Line.to(rig.agentPort)
  await rig.redirect(0, line.port)
  await rig.converged()
  const before = await rig.status()
  await rig.agent?.stop()
  line.received = 0
  await rig.startAgent()
  await rig.converged()
  const after = await rig.status()
  assert.equal(after.roots[0]?.epoch, before.roots[0]?.epoch)
  assert.equal(after.roots[0]?.sequence, before.roots[0]?.sequence)
  assert.equal(after.receivers[0]?.sequence, before.receivers[0]?.sequence)
  assert.ok(line.received < 8_192, `${line.received} bytes came`)
})

test('a receiver killed in a burst, twice, converges', async () => {
  await using rig = await Rig.start({ receivers: 1, prepare: fill })
  for (const name of ['one', 'two']) {
    burst(rig.source, name)
    await rig.killReceiver(0)
    await rig.startReceiver(0)
  }
  await rig.converged()
})

test('a receiver that was away gets what it missed and no more', async () => {
  await using rig = await Rig.start({ receivers: 1, prepare: fill })
  await using line = await Line.to(rig.agentPort)
  await rig.redirect(0, line.port)
  await rig.converged()
  await rig.killReceiver(0)
  const missed = 20 * 5_100
  for (let number = 0; number < 20; number += 1)
    appendFileSync(join(rig.source, 'app', `file-${number}`), Buffer.alloc(100, 'x'))
  rmSync(join(rig.source, 'app/file-100'))
  line.received = 0
  await rig.startReceiver(0)
  await rig.converged()
  assert.ok(line.received < 1.2 * missed + SLACK_BYTES, `${line.received} bytes came for ${missed}`)
})

test('a large file cut in the middle continues where it was', async () => {
  const size = 60_000_000
  await using rig = await Rig.start({ receivers: 1 })
  await using line = await Line.to(rig.agentPort)
  await rig.redirect(0, line.port)
  await rig.converged()
  line.received = 0
  const content = Buffer.alloc(size)
  for (let at = 0; at + 4 <= size; at += 4) content.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, at)
  // Written elsewhere and moved in: a file that is still being written is another version, which is not resumed.
  writeFileSync(join(rig.place, 'large'), content)
  renameSync(join(rig.place, 'large'), join(rig.source, 'large'))
  await until(
    () => line.received > size / 2,
    () => `only ${line.received} bytes came`,
  )
  line.cut()
  await rig.converged()
  assert.ok(line.received > size, 'the cut came in the middle of a transfer')
  // Bytes that were on their way and not staged come again: at most the credit, 24 MiB.
  assert.ok(line.received < size + 26_000_000, `${line.received} bytes came for ${size}`)
})
