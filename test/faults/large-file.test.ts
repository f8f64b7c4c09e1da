/** A large file whose transfer is cut in the middle: at most one segment of what the receiver has comes again. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { closeSync, cpSync, ftruncateSync, mkdtempSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { Line } from '../support/line.ts'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'

const SIZE = process.env['ROOTFERRY_LONG'] === '1' ? 5_000_000_000 : 100_000_000
const SEGMENT_BYTES = 8 * 1024 * 1024
/** Messages, frame headers, tar headers. */
const OVERHEAD = 1.001

/** Mostly holes: the content is zeros, with random bytes here and there that a mistaken offset would shift. */
function makeLarge(path: string): void {
  const file = openSync(path, 'w')
  ftruncateSync(file, SIZE)
  for (let at = 0; at < SIZE - 1_000; at += SIZE / 50) writeSync(file, randomBytes(1_000), 0, 1_000, Math.floor(at))
  closeSync(file)
}

/** How much of the file the receiver has, according to a copy of its ledger. */
function heldBytes(rig: Rig): number {
  const copy = mkdtempSync(join(rig.place, 'look-'))
  const state = join(rig.place, 'web1/state/roots/site')
  for (const file of ['ledger.sqlite', 'ledger.sqlite-wal']) cpSync(join(state, file), join(copy, file))
  using database = new DatabaseSync(join(copy, 'ledger.sqlite'))
  const held = Number(database.prepare('SELECT sum(bytes) AS held FROM partial').get()?.['held'])
  rmSync(copy, { recursive: true })
  return held
}

test('a large sparse file that is cut on its way continues where the receiver has it', async () => {
  await using rig = await Rig.start({ receivers: 1, agentConfig: { compression: 'never' } })
  await using line = await Line.to(rig.agentPort)
  await rig.redirect(0, line.port)
  await rig.converged()
  makeLarge(join(rig.place, 'large'))
  renameSync(join(rig.place, 'large'), join(rig.source, 'large'))
  for (const part of [0.3, 0.7]) {
    const before = line.received
    await until(
      () => line.received - before > SIZE * 0.3,
      () => `only ${line.received} bytes came`,
      300_000,
    )
    line.block()
    await until(
      async () => (await rig.status()).receivers[0]?.state === 'offline' && heldBytes(rig) > 0,
      () => `nothing of it is held at ${part}`,
    )
    await rig.killReceiver(0)
    const held = heldBytes(rig)
    line.received = 0
    line.unblock()
    await rig.startReceiver(0)
    if (part === 0.3) continue
    await rig.converged(300_000)
    assert.ok(held < SIZE, 'the cut came in the middle')
    const most = (SIZE - held) * OVERHEAD + SEGMENT_BYTES
    assert.ok(line.received < most, `${line.received} bytes came where ${SIZE - held} were missing`)
  }
})
