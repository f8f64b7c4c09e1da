/** Full resyncs that operators order: what they find, what they repair, and what they leave alone. */
import assert from 'node:assert/strict'
import { namesOf, type Scene, type SceneOptions, scene } from './scene.ts'

const FILES = 40
/** Large enough to be read in pieces. */
const LARGE = 60_000

function fill({ source }: Scene): void {
  for (let number = 0; number < FILES; number += 1) source.write(`app/f${number}`, `content ${number}`)
  source.write('app/deep/er/file', 'deep')
  source.write('lib/large', 'large '.repeat(LARGE / 6))
  for (const directory of ['media', 'empty', 'still']) source.mkdir(directory)
  source.symlink('app/f1', 'link')
}

const drifting: SceneOptions = { receivers: 1, settings: { isDrifting: true }, prepare: fill }

scene(
  'a content check finds what size and time hide, also of a file that is read in pieces',
  drifting,
  async (scene) => {
    await scene.inSync()
    scene.target.editUnseen('app/f7', 'CONTENT 7')
    scene.target.editUnseen('lib/large', 'LARGE '.repeat(LARGE / 6))
    assert.deepEqual(namesOf(await scene.resync({ check: 'metadata' })), [])
    const expected = ['changed app/f7', 'changed lib/large']
    assert.deepEqual(namesOf(await scene.resync({ check: 'content', dryRun: true })), expected)
    const { bytes, repaired } = await scene.resync({ check: 'content' })
    assert.deepEqual([bytes, repaired], [LARGE + 9, 2])
    assert.deepEqual(namesOf(await scene.resync({ check: 'content', dryRun: true })), [])
    await scene.inSync()
  },
)

scene(
  'only what was asked for by path is compared, and a path that the source lacks is extraneous',
  drifting,
  async (scene) => {
    await scene.inSync()
    const { target } = scene
    target.remove('app', 'lib/large')
    target.write('lib/stranger', 'x')
    target.write('other/deep/file', 'x')
    const only = async (...paths: string[]) => namesOf(await scene.resync({ paths, dryRun: true }))
    assert.deepEqual(await only('lib/stranger'), ['extraneous lib/stranger'])
    assert.deepEqual(await only('lib/large', 'lib/nothing'), ['missing lib/large'])
    assert.deepEqual(await only('lib', 'lib/large'), ['extraneous lib/stranger', 'missing lib/large'])
    assert.deepEqual(await only('other/deep'), ['extraneous other/deep'])
    assert.deepEqual(await only('empty', 'media', 'link'), [])
    const { repaired } = await scene.resync({ paths: ['app/deep/er', 'other/deep/file'] })
    assert.equal(target.read('app/deep/er/file'), 'deep')
    assert.ok(repaired >= 3)
    assert.deepEqual(
      ['app/f1', 'other/deep/file', 'lib/large'].map((path) => target.has(path)),
      [false, false, false],
    )
    await scene.resync()
    await scene.inSync()
  },
)

scene(
  'what is protected or excluded is neither reported nor touched, also inside of what goes',
  {
    receivers: 1,
    settings: { isDrifting: true, exclude: ['*.log'] },
    receiver: { protect: ['/app/f1', '/local/keep/'] },
    prepare: fill,
  },
  async (scene) => {
    await scene.inSync()
    const { target } = scene
    target.within('app', () => {
      target.write('app/f1', 'my own')
      target.write('app/debug.log', 'excluded')
    })
    target.within('.', () => target.mkdir('local/keep'))
    target.write('local/keep/file', 'mine')
    target.write('local/stranger', 'unknown')
    const found = async (...paths: string[]) => namesOf(await scene.resync({ check: 'content', paths }))
    assert.deepEqual(namesOf(await scene.resync({ dryRun: true })), ['extraneous local/stranger'])
    assert.deepEqual(await found(), ['extraneous local/stranger'])
    assert.deepEqual(await found(), [])
    assert.deepEqual(await found('app/f1', 'local/keep', 'app/debug.log'), [])
    assert.deepEqual([target.read('app/f1'), target.read('local/keep/file')], ['my own', 'mine'])
    assert.ok(target.has('app/debug.log') && !target.has('local/stranger'))
  },
)

scene(
  'one that an offline receiver owes is run when it is back, though the agent was restarted meanwhile',
  { ...drifting, receivers: 2 },
  async (scene) => {
    await scene.inSync()
    await scene.rest()
    scene.kill(scene.host(0))
    scene.target.remove('app/f1')
    const { id } = await scene.order({ check: 'content' })
    const of = (receiver: string) => scene.lookAt(id).receivers[receiver]
    await scene.until(() => of('web2')?.state === 'done')
    await scene.restart(scene.world.agent)
    await scene.until(() => scene.root.state === 'ready')
    assert.deepEqual([scene.lookAt(id).state, of('web1')?.state, of('web2')?.state], ['running', 'pending', undefined])

    scene.start(scene.host(0))
    await scene.until(() => scene.lookAt(id).state !== 'running')
    const { state, missing, repaired } = of('web1') ?? {}
    assert.deepEqual([scene.lookAt(id).state, state, missing, repaired], ['done', 'done', 1, 1])
    assert.equal(scene.target.read('app/f1'), 'content 1')

    await scene.restart(scene.world.agent)
    await scene.until(() => scene.root.state === 'ready')
    assert.equal(scene.agent.resyncs.get(id), null, 'what was over is forgotten')
  },
)

scene('one of a halted root is run when the source is back', drifting, async (scene) => {
  await scene.inSync()
  const srv = scene.elsewhere('/srv')
  srv.rename('shop', 'away')
  await scene.until(() => scene.root.state === 'halted')
  scene.target.remove('app/f1')
  const { id } = await scene.order()
  srv.rename('away', 'shop')
  await scene.until(() => scene.lookAt(id).state !== 'running')
  const { state, receivers } = scene.lookAt(id)
  assert.deepEqual([state, receivers['web1']?.repaired, receivers['web1']?.error], ['done', 1, null])
})
