/** Resyncs that cannot begin at once: what they wait for, and that a restart of the agent does not lose them. */
import assert from 'node:assert/strict'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { orderResync, untilResync } from '../support/resync-orders.ts'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'

test('one that an offline receiver owes is run when it is back, though the agent was restarted meanwhile', async () => {
  // An empty target would begin anew.
  const prepare = (source: string) => ['a', 'b'].forEach((name) => writeFileSync(join(source, name), name))
  await using rig = await Rig.start({ receivers: 2, prepare })
  await rig.inSync()
  const [target = ''] = rig.targets
  await rig.killReceiver(0)
  rmSync(join(target, 'a'))
  const { id } = await orderResync(rig, { check: 'content' })
  await untilResync(rig, id, ({ receivers }) => receivers['web2']?.state === 'done')
  await rig.agent?.stop()
  await rig.startAgent()
  const waiting = await untilResync(rig, id, ({ receivers }) => receivers['web1']?.state === 'pending')
  assert.deepEqual([waiting.state, Object.keys(waiting.receivers)], ['running', ['web1']])

  await rig.startReceiver(0)
  const over = await untilResync(rig, id, ({ state }) => state !== 'running')
  const { state, missing, repaired } = over.receivers['web1'] ?? {}
  assert.deepEqual([over.state, state, missing, repaired], ['done', 'done', 1, 1])
  assert.equal(readFileSync(join(target, 'a'), 'utf8'), 'a')

  await rig.agent?.stop()
  await rig.startAgent()
  assert.equal((await rig.admin(`/v1/resyncs/${id}`)).status, 404, 'what was over is forgotten')
})

test('one of a halted root is run when the source is back', async () => {
  // So many files that a scan takes more than one turn of its thread.
  const names = ['a', ...Array.from({ length: 3_000 }, (_, number) => `f${number}`)]
  const prepare = (source: string) => names.forEach((name) => writeFileSync(join(source, name), name))
  await using rig = await Rig.start({ receivers: 1, prepare })
  await rig.inSync()
  const state = async () => (await rig.status()).roots[0]?.state
  renameSync(rig.source, `${rig.source}.away`)
  await until(
    async () => (await state()) === 'halted',
    () => 'the root is not halted',
  )
  const [target = ''] = rig.targets
  rmSync(join(target, 'a'))
  const { id } = await orderResync(rig)
  renameSync(`${rig.source}.away`, rig.source)
  const over = await untilResync(rig, id, ({ state }) => state !== 'running')
  assert.deepEqual([over.state, over.receivers['web1']?.repaired, over.receivers['web1']?.error], ['done', 1, null])
})
