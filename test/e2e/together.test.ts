/**
 * `together: always` with real daemons: no receiver shows a change before all have staged it, and one that hangs is left
 * behind after a while, so that the others go on.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const FILES = 300

const daemons = sharedDaemons(3)

async function begin(): Promise<Site> {
  const site = await Site.on(daemons, {
    root: { together: 'always', hold: { while: ['/.maintenance'], show: false } },
    prepare: (source) => writeFileSync(join(source, 'index.php'), 'v1'),
  })
  await site.inSync()
  return site
}

interface Round {
  state: string
  outcome: string
  members: { name: string; state: string }[]
}

const shownBy = ({ targets }: Site) => targets.map((target) => readFileSync(join(target, 'index.php'), 'utf8'))
const isReady = async (number: number) => (await daemons.health(number, '/readyz')).ok
const rounds = async () => ((await (await daemons.admin('/v1/rounds')).json()) as { rounds: Round[] }).rounds

test('an upgrade that begins right after a save is one round of all, the save included', async () => {
  const site = await begin()
  const before = (await rounds()).length
  for (let save = 1; save <= 5; save += 1) {
    writeFileSync(join(site.source, 'index.php'), `saved ${save}`)
    mkdirSync(join(site.source, 'plugin'), { recursive: true })
    for (let file = 0; file < FILES; file += 1)
      writeFileSync(join(site.source, `plugin/f${file}.php`), `${save} of ${file}`)
    writeFileSync(join(site.source, '.maintenance'), '')
    for (let file = 0; file < FILES; file += 2) rmSync(join(site.source, `plugin/f${file}.php`))
    await until(
      async () => (await site.root())?.hold != null,
      () => 'it is not held',
    )
    rmSync(join(site.source, '.maintenance'))
    await site.converged()
    assert.equal((await site.root())?.hold ?? null, null)
  }
  const since = (await rounds()).slice(0, (await rounds()).length - before)
  const members = since.flatMap((round) => (round.state === 'over' ? round.members : []))
  assert.deepEqual([...new Set(members.map(({ state }) => state))], ['committed'], JSON.stringify(since))
  assert.deepEqual(await Promise.all([0, 1, 2].map(isReady)), [true, true, true])
})

test('a receiver that hangs keeps the others from showing a change until it is left behind, and is not ready then', async () => {
  const site = await begin()
  const shown = () => shownBy(site)
  const hanging = daemons.receivers[2]
  assert.ok(hanging != null)
  process.kill(hanging.pid, 'SIGSTOP')
  writeFileSync(join(site.source, 'index.php'), 'v2')
  await until(
    () => shown().includes('v2'),
    () => 'nobody shows it',
    60_000,
  )
  const [round] = await rounds()
  assert.equal(round?.members.find(({ name }) => name === daemons.names[2])?.state, 'unfenced')
  assert.notEqual(shown()[2], 'v2')
  await until(
    () => shown()[0] === 'v2' && shown()[1] === 'v2',
    () => `${shown()}`,
  )
  // Nobody waits for it again, and what changes is shown at once by the others.
  writeFileSync(join(site.source, 'index.php'), 'v3')
  await until(
    () => shown()[0] === 'v3' && shown()[1] === 'v3',
    () => `${shown()}`,
  )
  process.kill(hanging.pid, 'SIGCONT')
  await site.converged()
  await until(
    async () => (await Promise.all([0, 1, 2].map(isReady))).every(Boolean),
    () => 'not all are ready again',
  )
})
