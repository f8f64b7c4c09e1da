/** Small changes go ahead of a large file that is on its way, over real daemons, and everything comes in the end. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = sharedDaemons(1)

/** Takes a minute, as slowly as it is sent. */
const LARGE_BYTES = 90_000_000
const SLOW = 1_500_000
const AHEAD = 'changes committed ahead of a changeset'

async function limit(limits: object): Promise<void> {
  daemons.editAgent((config) => ({ ...config, limits }))
  assert.ok(daemons.agent)
  await daemons.hangUp(daemons.agent, 'configuration was read again')
}

/** A site in which a large file is on its way, which takes long. */
async function withUpload(): Promise<{ site: Site; large: string; target: string }> {
  const site = await Site.on(daemons)
  mkdirSync(join(site.source, 'app'))
  writeFileSync(join(site.source, 'app/config'), 'old')
  writeFileSync(join(site.source, 'app/unneeded'), 'unneeded')
  await site.converged()
  await limit({ bytesPerSecond: SLOW })
  // Whole at once: of a file that is being written an earlier version would come.
  writeFileSync(join(site.source, '../large'), randomBytes(LARGE_BYTES))
  renameSync(join(site.source, '../large'), join(site.source, 'app/large'))
  const [target = ''] = site.targets
  await until(
    async () => ((await daemons.status()).receivers[0]?.lag.sequences ?? 0) > 0,
    async () => JSON.stringify(await daemons.status()),
  )
  return { site, large: join(target, 'app/large'), target }
}

async function shows(path: string, content: string): Promise<void> {
  await until(
    () => existsSync(path) && readFileSync(path, 'utf8') === content,
    () => `${path} does not show ${content}`,
  )
}

function save(site: Site, path: string, content: string): void {
  writeFileSync(join(site.source, `${path}~`), content)
  renameSync(join(site.source, `${path}~`), join(site.source, path))
}

test('saves, new directories and files that come and go do not wait for a large file', async () => {
  const { site, large, target } = await withUpload()
  for (let number = 0; number < 3; number += 1) {
    save(site, 'app/config', `new ${number}`)
    await shows(join(target, 'app/config'), `new ${number}`)
  }
  mkdirSync(join(site.source, 'made/deep'), { recursive: true })
  writeFileSync(join(site.source, 'made/deep/file'), 'made')
  await shows(join(target, 'made/deep/file'), 'made')
  // What receivers hold stays until its deletion comes in its order; what is saved after it does not wait for that.
  rmSync(join(site.source, 'app/unneeded'))
  save(site, 'app/config', 'last')
  await shows(join(target, 'app/config'), 'last')
  assert.ok(existsSync(join(target, 'app/unneeded')))
  assert.ok(!existsSync(large), 'the large file is still on its way')
  assert.ok(daemons.logs.some(({ msg }) => msg === AHEAD))
  const [receiver] = (await daemons.status()).receivers
  assert.ok((receiver?.lag.sequences ?? 0) > 0, 'nothing is said to be committed that is not')
  await limit({})
  await site.converged()
  assert.ok(existsSync(large))
})

test('a receiver that is killed after something went ahead, and an agent that is too, bring everything', async () => {
  const { site, large, target } = await withUpload()
  save(site, 'app/config', 'ahead')
  await shows(join(target, 'app/config'), 'ahead')
  await daemons.killReceiver(0)
  rmSync(join(site.source, 'app/config'))
  await daemons.startReceiver(0)
  save(site, 'app/other', 'other')
  await shows(join(target, 'app/other'), 'other')
  assert.ok(!existsSync(large))
  await daemons.killAgent()
  await daemons.startAgent()
  await limit({})
  await site.converged()
  assert.ok(!existsSync(join(target, 'app/config')))
})
