/**
 * One volume that is mounted below the source and below a target: what a program writes there is never replaced by what
 * the agent read a moment before.
 */
import assert from 'node:assert/strict'
import { closeSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Mounts } from '../support/mounts.ts'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const UPLOADS = 60
const PIECES = 8
/** About as long as the agent and a receiver take for one change, so that the two meet in every way. */
const REST_MS = 25

const daemons = sharedDaemons(1)

async function shared(mounts: Mounts): Promise<Site> {
  const site = await Site.on(daemons, {
    prepare: (source, targets) => {
      writeFileSync(join(source, 'a.php'), 'a')
      mounts.tmpfs(join(source, '../volume'))
      for (const root of [source, ...targets]) mounts.bind(join(source, '../volume'), join(root, 'media'))
      mkdirSync(join(source, 'media/catalog'))
    },
  })
  await site.inSync()
  return site
}

test('an upload that takes its time, and a file that is saved again and again, lose nothing', async (t) => {
  if (!Mounts.isAllowed()) return t.skip('nothing can be mounted here')
  using mounts = new Mounts()
  const site = await shared(mounts)
  const piece = (upload: number, number: number) => `piece ${number} of ${upload}\n`
  const whole = (upload: number) => Array.from({ length: PIECES }, (_, number) => piece(upload, number)).join('')
  const at = (name: string) => join(site.source, 'media/catalog', name)
  const appended = Array.from({ length: UPLOADS }, async (_, upload) => {
    await pause(upload * 7)
    const file = openSync(at(`u${upload}.jpg`), 'w')
    for (let number = 0; number < PIECES; number += 1) {
      writeSync(file, piece(upload, number))
      await pause(REST_MS + (upload % 5) * 10)
    }
    closeSync(file)
  })
  const saved = Array.from({ length: UPLOADS }, async (_, save) => {
    await pause(save * 5)
    for (let number = 0; number < PIECES; number += 1) {
      writeFileSync(at(`s${save}.json`), `version ${number}`)
      await pause(REST_MS + (save % 7) * 5)
    }
  })
  await Promise.all([...appended, ...saved])
  await site.inSync()
  const wrong = () => [
    ...Array.from({ length: UPLOADS }, (_, upload) => `u${upload}.jpg`).filter(
      (name, upload) => readFileSync(at(name), 'utf8') !== whole(upload),
    ),
    ...Array.from({ length: UPLOADS }, (_, save) => `s${save}.json`).filter(
      (name) => readFileSync(at(name), 'utf8') !== `version ${PIECES - 1}`,
    ),
  ]
  assert.deepEqual(wrong(), [])
  // It stays so, also when everything is compared.
  daemons.agentVerb('resync', '--wait', '--check', 'content')
  assert.deepEqual(wrong(), [])
  const problems = async () => (await daemons.receiverRoots(0))[0]?.problems ?? []
  await until(
    async () => (await problems()).length === 0,
    async () => JSON.stringify(await problems()),
  )
})

test('a file that both sides see is not replaced by a copy of itself', async (t) => {
  if (!Mounts.isAllowed()) return t.skip('nothing can be mounted here')
  using mounts = new Mounts()
  const site = await shared(mounts)
  const file = join(site.source, 'media/catalog/open.log')
  const sequence = async () => (await daemons.status()).receivers[0]?.sequence ?? 0
  const before = await sequence()
  writeFileSync(file, 'as it is')
  const { ino } = statSync(file)
  await until(
    async () => (await sequence()) > before,
    () => 'the file is not committed',
  )
  assert.equal(statSync(file).ino, ino)
})
