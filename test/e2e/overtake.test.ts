/** Small changes go ahead of a large file that is on its way, over real daemons, and everything comes in the end. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'

const LARGE_BYTES = 150_000_000
const SLOW = 1_500_000
const AHEAD = 'changes committed ahead of a changeset'

async function limit(rig: Rig, limits: object): Promise<void> {
  rig.editAgent((config) => ({ ...config, limits }))
  assert.ok(rig.agent)
  await rig.hangUp(rig.agent, 'configuration was read again')
}

/** A rig in which a large file is on its way, which takes long. */
async function withUpload(): Promise<{ rig: Rig; large: string; target: string }> {
  const rig = await Rig.start({ receivers: 1 })
  mkdirSync(join(rig.source, 'app'))
  writeFileSync(join(rig.source, 'app/config'), 'old')
  writeFileSync(join(rig.source, 'app/unneeded'), 'unneeded')
  await rig.converged()
  await limit(rig, { bytesPerSecond: SLOW })
  // Whole at once: of a file that is being written an earlier version would come.
  writeFileSync(join(rig.source, '../large'), randomBytes(LARGE_BYTES))
  renameSync(join(rig.source, '../large'), join(rig.source, 'app/large'))
  const [target = ''] = rig.targets
  await until(
    async () => ((await rig.status()).receivers[0]?.lag.sequences ?? 0) > 0,
    async () => JSON.stringify(await rig.status()),
  )
  return { rig, large: join(target, 'app/large'), target }
}

async function shows(path: string, content: string): Promise<void> {
  await until(
    () => existsSync(path) && readFileSync(path, 'utf8') === content,
    () => `${path} does not show ${content}`,
  )
}

function save(rig: Rig, path: string, content: string): void {
  writeFileSync(join(rig.source, `${path}~`), content)
  renameSync(join(rig.source, `${path}~`), join(rig.source, path))
}

test('saves, new directories and files that come and go do not wait for a large file', async () => {
  const { rig, large, target } = await withUpload()
  await using _ = rig
  for (let number = 0; number < 3; number += 1) {
    save(rig, 'app/config', `new ${number}`)
    await shows(join(target, 'app/config'), `new ${number}`)
  }
  mkdirSync(join(rig.source, 'made/deep'), { recursive: true })
  writeFileSync(join(rig.source, 'made/deep/file'), 'made')
  await shows(join(target, 'made/deep/file'), 'made')
  // What receivers hold stays until its deletion comes in its order; what is saved after it does not wait for that.
  rmSync(join(rig.source, 'app/unneeded'))
  save(rig, 'app/config', 'last')
  await shows(join(target, 'app/config'), 'last')
  assert.ok(existsSync(join(target, 'app/unneeded')))
  assert.ok(!existsSync(large), 'the large file is still on its way')
  assert.ok(rig.logs.some(({ msg }) => msg === AHEAD))
  const [receiver] = (await rig.status()).receivers
  assert.ok((receiver?.lag.sequences ?? 0) > 0, 'nothing is said to be committed that is not')
  await limit(rig, {})
  await rig.converged()
  assert.ok(existsSync(large))
})

test('a receiver that is killed after something went ahead, and an agent that is too, bring everything', async () => {
  const { rig, large, target } = await withUpload()
  await using _ = rig
  save(rig, 'app/config', 'ahead')
  await shows(join(target, 'app/config'), 'ahead')
  await rig.killReceiver(0)
  rmSync(join(rig.source, 'app/config'))
  await rig.startReceiver(0)
  save(rig, 'app/other', 'other')
  await shows(join(target, 'app/other'), 'other')
  assert.ok(!existsSync(large))
  await rig.killAgent()
  await rig.startAgent()
  await limit(rig, {})
  await rig.converged()
  assert.ok(!existsSync(join(target, 'app/config')))
})
