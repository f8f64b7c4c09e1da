/** How far behind a receiver is, according to the agent: counted from the first change that it misses, over restarts too. */
import assert from 'node:assert/strict'
import { type Scene, type SceneOptions, scene } from './scene.ts'

const one: SceneOptions = { receivers: 1, prepare: ({ source }) => source.write('a', 'a') }

/** When the oldest change that web1 lacks was made, according to the agent. */
async function missedSince(scene: Scene): Promise<number> {
  await scene.until(() => scene.root.state === 'ready' && scene.receiver(0).lag.sequences > 0)
  return now(scene) - scene.receiver(0).lag.seconds * 1000
}

function now({ world }: Scene): number {
  return Math.floor(world.agent.machine.wallClock())
}

scene(
  'the lag of a receiver that is away counts from the first change it missed, over a restart of the agent too',
  one,
  async (scene) => {
    await scene.inSync()
    scene.kill(scene.host(0))
    const before = now(scene)
    scene.source.write('missed', 'm')
    const since = await missedSince(scene)
    const after = now(scene)
    assert.ok(since >= before && since <= after, JSON.stringify({ before, since, after }))
    await scene.rest(60_000)
    assert.equal(await missedSince(scene), since)

    await scene.stop(scene.world.agent)
    scene.source.write('missed too', 'm')
    scene.start(scene.world.agent)
    assert.equal(await missedSince(scene), since)
    scene.start(scene.host(0))
    await scene.inSync()
    await scene.rest()
    assert.deepEqual(scene.receiver(0).lag, { sequences: 0, seconds: 0 })
  },
)

scene(
  'propagation is measured of changes that a receiver waits for, not of a first sync and of what it missed',
  one,
  async (scene) => {
    await scene.inSync()
    scene.kill(scene.host(0))
    scene.source.write('missed', 'm')
    await missedSince(scene)
    scene.start(scene.host(0))
    await scene.inSync()
    await scene.rest()
    assert.deepEqual(scene.agent.propagations, [])
    scene.source.write('new', 'n')
    await scene.until(() => scene.agent.propagations.length > 0)
    assert.ok((scene.agent.propagations[0] ?? 0) < 2, `${scene.agent.propagations} seconds`)
  },
)
