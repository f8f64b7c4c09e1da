/** A source that is emptied, gone, unmounted or replaced leaves receivers untouched, and the agent's root halted. */
import assert from 'node:assert/strict'
import { type Scene, scene } from './scene.ts'
import type { Tree } from './tree.ts'

const OTHER = '/srv/other'
const FILES = 60
const ENTRIES = FILES + 10

function fill(source: Tree, files = FILES): void {
  for (let file = 0; file < files; file += 1) source.write(`d${file % 10}/f${file}`, `content of ${file}`)
}

const prepare = ({ source }: Scene) => fill(source)

async function halted(scene: Scene, reason: RegExp): Promise<void> {
  await scene.until(
    () => scene.root.state === 'halted' && reason.test(scene.root.reason ?? ''),
    () => JSON.stringify(scene.root),
  )
}

function looks(scene: Scene): string[][] {
  return scene.targets.map((target) => target.look())
}

/** Receivers are connected, or come back from the tree that was closed; nothing was sent, and targets are unchanged. */
async function untouched(scene: Scene, before: string[][]): Promise<void> {
  const all = () => scene.targets.map((_, number) => scene.receiver(number))
  await scene.until(
    () => all().every(({ state }) => state === 'live'),
    () => JSON.stringify(all()),
  )
  await scene.rest()
  for (const { sequence } of all()) assert.equal(sequence, scene.root.sequence)
  assert.deepEqual(looks(scene), before)
}

async function restart(scene: Scene): Promise<void> {
  scene.kill(scene.world.agent)
  scene.start(scene.world.agent)
}

scene(
  'an emptied source halts the root, over a restart too; put back, it continues by itself',
  { prepare },
  async (scene) => {
    await scene.inSync()
    const before = looks(scene)
    scene.source.empty()
    await halted(scene, /^emptied: all 70 entries are gone/)
    await untouched(scene, before)
    assert.ok(scene.said.some((line) => /agent: error .*halted/.test(line)))

    scene.source.write('meanwhile', 'a halted root feeds nothing new')
    await restart(scene)
    await halted(scene, /70 entries/)
    await untouched(scene, before)

    fill(scene.source)
    await scene.inSync()
    assert.ok(scene.said.some((line) => line.includes('root is no longer halted')))
    assert.ok(scene.target.has('meanwhile'))
  },
)

scene('a source that is put back bit by bit stays halted until it is back', { prepare }, async (scene) => {
  await scene.inSync()
  const before = looks(scene)
  scene.source.empty()
  await halted(scene, /^emptied: all 70 entries are gone/)
  for (const files of [1, FILES / 2, FILES - 5]) {
    fill(scene.source, files)
    await scene.rest()
    assert.equal(scene.root.state, 'halted')
    assert.deepEqual(looks(scene), before)
    await restart(scene)
    await halted(scene, /^not back yet: /)
    assert.deepEqual(looks(scene), before)
  }
  fill(scene.source)
  await scene.inSync()
})

scene('an accepted loss is carried out, and the guard begins anew', { prepare }, async (scene) => {
  await scene.inSync()
  assert.equal(await scene.ask(({ feed }) => feed.acceptGuard()), 'not-halted')
  scene.source.empty()
  await halted(scene, /^emptied/)
  assert.equal(await scene.ask(({ feed }) => feed.acceptGuard()), 'accepted')
  await scene.inSync()
  assert.deepEqual(scene.target.names(), [])
  scene.source.write('new', 'new')
  await scene.inSync()
  scene.source.remove('new')
  await scene.inSync()
})

scene(
  'a mass deletion that takes its time halts the root',
  { prepare, settings: { guard: { maxDeletePercent: 20, minDeletes: 6 } } },
  async (scene) => {
    await scene.inSync()
    for (let file = 0; file < 20 && scene.root.state !== 'halted'; file += 1) {
      scene.source.remove(`d${file % 10}/f${file}`)
      if (file % 4 === 3) await scene.rest(30)
    }
    await halted(scene, /^mass deletion: \d+ of 70 entries \(\d+ %\)/)
    await scene.rest()
    for (const target of scene.targets) {
      const { length } = target.below()
      assert.ok(length >= ENTRIES - 14, `${length} entries left`)
    }
  },
)

scene(
  'a moved directory is not a deletion',
  { prepare, settings: { guard: { maxDeletePercent: 5, minDeletes: 1 } } },
  async (scene) => {
    await scene.inSync()
    scene.source.rename('d1', 'moved')
    await scene.inSync()
    assert.ok(scene.target.has('moved/f1') && !scene.target.has('d1'))
    assert.ok(!scene.said.some((line) => line.includes('halted')))
  },
)

scene(
  'a source that is gone halts the root, cannot be accepted, and continues when it is back',
  { prepare },
  async (scene) => {
    await scene.inSync()
    const before = looks(scene)
    const srv = scene.elsewhere('/srv')
    srv.rename('shop', 'away')
    await halted(scene, /ENOENT/)
    assert.equal(await scene.ask(({ feed }) => feed.acceptGuard()), 'root-missing')
    await untouched(scene, before)
    srv.rename('away', 'shop')
    await scene.inSync()
  },
)

scene(
  'a source that was moved away and is made anew bit by bit stays halted until it is back',
  { prepare },
  async (scene) => {
    await scene.inSync()
    const before = scene.target.below()
    scene.elsewhere('/srv').rename('shop', 'broken')
    await halted(scene, /ENOENT/)
    const anew = scene.elsewhere('/srv/shop')
    for (const files of [FILES / 2, FILES - 5]) {
      fill(anew, files)
      await halted(scene, /^not back yet: /)
      await scene.rest()
      assert.deepEqual(scene.target.below(), before)
    }
    fill(anew)
    await scene.inSync()
  },
)

for (const [how, remove] of [
  ['emptied', ({ source }: Scene) => source.empty()],
  ['moved away while the agent was', (scene: Scene) => scene.elsewhere('/srv').rename('shop', 'broken')],
] as const) {
  scene(
    `a root that a file held, that was ${how}, and is put back bit by bit, is released when it is back`,
    { prepare, settings: { together: 'never', hold: { while: ['.maintenance'], show: false, overdueMinutes: 15 } } },
    async (scene) => {
      const hold = () => ('hold' in scene.root ? scene.root.hold : null)
      await scene.inSync()
      const before = scene.target.below()
      scene.source.write('.maintenance', '1')
      await scene.until(() => hold() !== null)
      const { agent } = scene.world
      const isAway = how !== 'emptied'
      if (isAway) scene.kill(agent)
      remove(scene)
      if (isAway) scene.start(agent)
      await scene.until(() => /^emptied/.test(hold()?.refused ?? '') || scene.root.state === 'halted')
      const anew = scene.elsewhere('/srv/shop')
      for (const files of [FILES / 2, FILES - 5]) {
        fill(anew, files)
        await scene.until(() => /^not back yet: /.test(hold()?.refused ?? ''))
        assert.deepEqual(scene.target.below(), before)
        scene.kill(agent)
        scene.start(agent)
      }
      fill(anew)
      await scene.inSync()
      assert.equal(hold(), null)
    },
  )
}

scene('a wrong path after a restart halts the root until it is accepted or put right', { prepare }, async (scene) => {
  await scene.inSync()
  const before = looks(scene)
  const { path } = scene.world.settings
  fill(scene.elsewhere(OTHER), FILES - 4)
  const restartAt = async (path: string) => {
    scene.configure({ path })
    await restart(scene)
  }
  await restartAt(OTHER)
  await halted(scene, /^replaced: .*another directory/)
  await untouched(scene, before)
  await restartAt(path)
  await scene.inSync()
  assert.deepEqual(looks(scene), before)
  await restartAt(OTHER)
  await halted(scene, /^replaced/)
  assert.equal(await scene.ask(({ feed }) => feed.acceptGuard()), 'accepted')
  await scene.inSync()
})

scene(
  'another filesystem at the path halts the root, and it continues when that is gone again',
  { prepare },
  async (scene) => {
    await scene.inSync()
    const before = looks(scene)
    const srv = scene.elsewhere('/srv')
    srv.rename('shop', 'unmounted')
    scene.world.agent.machine.disk.makePath('/srv/shop', 2)
    await halted(scene, /^replaced: another device/)
    await untouched(scene, before)
    srv.remove('shop')
    srv.rename('unmounted', 'shop')
    await scene.inSync()
    assert.deepEqual(looks(scene), before)
  },
)
