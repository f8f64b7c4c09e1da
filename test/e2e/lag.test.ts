/** How far behind a receiver is, according to status and metrics; the cases are in `test/scenes/lag.test.ts`. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = sharedDaemons(1)

/** Bounds of the time at which the oldest change that web1 lacks was made, according to the agent; null: it lacks none. */
async function missedSinceMs(): Promise<{ earliest: number; latest: number } | null> {
  const askedMs = Date.now()
  const { receivers } = await daemons.status()
  const lag = receivers[0]?.lag ?? assert.fail()
  if (lag.sequences === 0) return null
  return { earliest: askedMs - lag.seconds * 1000, latest: Date.now() - lag.seconds * 1000 }
}

async function propagations(site: Site): Promise<number> {
  const text = await (await daemons.admin('/metrics')).text()
  const count = new RegExp(`^rootferry_propagation_seconds_count\\{root="${site.name}"\\} (\\d+)$`, 'm')
  return Number(count.exec(text)?.[1] ?? 0)
}

test('the lag of a receiver that is away counts from the first change it missed, over a restart of the agent; what it missed is no propagation', async () => {
  const site = await Site.on(daemons, { prepare: (source) => writeFileSync(join(source, 'a'), 'a') })
  await site.inSync()
  await daemons.killReceiver(0)
  const beforeMs = Date.now()
  writeFileSync(join(site.source, 'missed'), 'm')
  const since = await until(
    () => missedSinceMs(),
    () => 'the change was not noticed',
  )
  const afterMs = Date.now()
  assert.ok(since.latest >= beforeMs && since.earliest <= afterMs, JSON.stringify({ beforeMs, since, afterMs }))

  await daemons.agent?.stop()
  writeFileSync(join(site.source, 'missed too'), 'm')
  await daemons.startAgent()
  const still = await until(
    () => missedSinceMs(),
    () => 'nothing is missed any more',
  )
  assert.ok(still.latest >= beforeMs && still.earliest <= afterMs, JSON.stringify({ beforeMs, still, afterMs }))
  await daemons.startReceiver(0)
  await site.inSync()
  assert.equal(await missedSinceMs(), null)
  assert.equal(await propagations(site), 0)
  writeFileSync(join(site.source, 'new'), 'n')
  await until(
    async () => (await propagations(site)) > 0,
    () => 'it was not measured',
  )
})
