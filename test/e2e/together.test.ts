/**
 * `together: always` with real daemons: no receiver shows a change before all have staged it, and one that hangs is left
 * behind after a while, so that the others go on.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'

const FILES = 300

let rig: Rig
before(async () => {
  rig = await Rig.start({
    receivers: 3,
    root: { together: 'always', hold: { while: ['/.maintenance'], show: false } },
    prepare: (source) => writeFileSync(join(source, 'index.php'), 'v1'),
  })
  await rig.inSync()
})
after(() => rig[Symbol.asyncDispose]())

interface Round {
  state: string
  outcome: string
  members: { name: string; state: string }[]
}

const shown = () => rig.targets.map((target) => readFileSync(join(target, 'index.php'), 'utf8'))
const isReady = async (number: number) => (await rig.health(number, '/readyz')).ok
const rounds = async () => ((await (await rig.admin('/v1/rounds')).json()) as { rounds: Round[] }).rounds

test('an upgrade that begins right after a save is one round of all, the save included', async () => {
  const before = (await rounds()).length
  for (let save = 1; save <= 5; save += 1) {
    writeFileSync(join(rig.source, 'index.php'), `saved ${save}`)
    mkdirSync(join(rig.source, 'plugin'), { recursive: true })
    for (let file = 0; file < FILES; file += 1)
      writeFileSync(join(rig.source, `plugin/f${file}.php`), `${save} of ${file}`)
    writeFileSync(join(rig.source, '.maintenance'), '')
    for (let file = 0; file < FILES; file += 2) rmSync(join(rig.source, `plugin/f${file}.php`))
    await until(
      async () => (await rig.site.root())?.hold != null,
      () => 'it is not held',
    )
    rmSync(join(rig.source, '.maintenance'))
    await rig.converged()
    assert.equal((await rig.site.root())?.hold ?? null, null)
  }
  const since = (await rounds()).slice(0, (await rounds()).length - before)
  const members = since.flatMap((round) => (round.state === 'over' ? round.members : []))
  assert.deepEqual([...new Set(members.map(({ state }) => state))], ['committed'], JSON.stringify(since))
  assert.deepEqual(await Promise.all([0, 1, 2].map(isReady)), [true, true, true])
})

test('a receiver that hangs keeps the others from showing a change until it is left behind, and is not ready then', async () => {
  const hanging = rig.receivers[2]
  assert.ok(hanging != null)
  process.kill(hanging.pid, 'SIGSTOP')
  writeFileSync(join(rig.source, 'index.php'), 'v2')
  await until(
    () => shown().includes('v2'),
    () => 'nobody shows it',
    60_000,
  )
  const [round] = await rounds()
  assert.equal(round?.members.find(({ name }) => name === rig.names[2])?.state, 'unfenced')
  assert.notEqual(shown()[2], 'v2')
  await until(
    () => shown()[0] === 'v2' && shown()[1] === 'v2',
    () => `${shown()}`,
  )
  // Nobody waits for it again, and what changes is shown at once by the others.
  writeFileSync(join(rig.source, 'index.php'), 'v3')
  await until(
    () => shown()[0] === 'v3' && shown()[1] === 'v3',
    () => `${shown()}`,
  )
  process.kill(hanging.pid, 'SIGCONT')
  await rig.converged()
  await until(
    async () => (await Promise.all([0, 1, 2].map(isReady))).every(Boolean),
    () => 'not all are ready again',
  )
})
