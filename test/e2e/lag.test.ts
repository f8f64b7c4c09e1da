/** How far behind a receiver is, according to status and metrics; the cases are in `test/scenes/lag.test.ts`. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'

/** Bounds of the time at which the oldest change that web1 lacks was made, according to the agent; null: it lacks none. */
async function missedSinceMs(rig: Rig): Promise<{ earliest: number; latest: number } | null> {
  const askedMs = Date.now()
  const { receivers } = await rig.status()
  const lag = receivers[0]?.lag ?? assert.fail()
  if (lag.sequences === 0) return null
  return { earliest: askedMs - lag.seconds * 1000, latest: Date.now() - lag.seconds * 1000 }
}

async function propagations(rig: Rig): Promise<number> {
  const text = await (await rig.admin('/metrics')).text()
  return Number(/^rootferry_propagation_seconds_count\{root="site"\} (\d+)$/m.exec(text)?.[1] ?? 0)
}

test('the lag of a receiver that is away counts from the first change it missed, over a restart of the agent; what it missed is no propagation', async () => {
  await using rig = await Rig.start({ receivers: 1, prepare: (source) => writeFileSync(join(source, 'a'), 'a') })
  await rig.inSync()
  await rig.killReceiver(0)
  const beforeMs = Date.now()
  writeFileSync(join(rig.source, 'missed'), 'm')
  const since = await until(
    () => missedSinceMs(rig),
    () => 'the change was not noticed',
  )
  const afterMs = Date.now()
  assert.ok(since.latest >= beforeMs && since.earliest <= afterMs, JSON.stringify({ beforeMs, since, afterMs }))

  await rig.agent?.stop()
  writeFileSync(join(rig.source, 'missed too'), 'm')
  await rig.startAgent()
  const still = await until(
    () => missedSinceMs(rig),
    () => 'nothing is missed any more',
  )
  assert.ok(still.latest >= beforeMs && still.earliest <= afterMs, JSON.stringify({ beforeMs, still, afterMs }))
  await rig.startReceiver(0)
  await rig.inSync()
  assert.equal(await missedSinceMs(rig), null)
  assert.equal(await propagations(rig), 0)
  writeFileSync(join(rig.source, 'new'), 'n')
  await until(
    async () => (await propagations(rig)) > 0,
    () => 'it was not measured',
  )
})
