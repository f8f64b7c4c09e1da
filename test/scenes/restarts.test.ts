/**
 * Either side is killed or stopped at an awkward moment: afterwards the trees become equal, and only what was missed is
 * sent again.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type Scene, type SceneOptions, scene } from './scene.ts'

// The bound that scenes use; loaded after the simulation is installed.
const { BOUNDS } = await import('../../packages/receiver/src/bounds.ts')
const { rowsOf } = await import('../simulation/database.ts')
const { INDEX_FILE } = await import('../simulation/places.ts')
const { BOUNDS: AGENT_BOUNDS } = await import('../../packages/agent/src/bounds.ts')

const FILES = 40
const BURST = 60
/** Longer than what is known of receivers waits to be saved. */
const SAVED_MS = 20_000

function burst({ source }: Scene, name: string): void {
  for (let number = 0; number < BURST; number += 1)
    source.write(`${name}/file-${number}`, Buffer.alloc(number * 10, name))
}

const filled: SceneOptions = {
  receivers: 1,
  prepare: ({ source }) => {
    for (let number = 0; number < FILES; number += 1)
      source.write(`app/file-${number}`, Buffer.alloc(1_000, `${number} `))
  },
}

/** The bytes and messages on the lines during `act`. */
async function sentBy({ world: { lines } }: Scene, act: () => Promise<void>) {
  const { segmentBytes, changes, resyncs } = lines
  await act()
  return {
    bytes: lines.segmentBytes - segmentBytes,
    changes: lines.changes - changes,
    resyncs: lines.resyncs - resyncs,
  }
}

scene(
  'an agent killed in a burst continues with its epoch, and finds what changed while it was away',
  { ...filled, receivers: 2 },
  async (scene) => {
    await scene.inSync()
    const before = scene.root
    burst(scene, 'one')
    await scene.until(() => scene.root.sequence > before.sequence)
    scene.kill(scene.world.agent)
    burst(scene, 'two')
    scene.source.remove('app/file-1')
    scene.source.append('app/file-2', 'while it was away')
    scene.start(scene.world.agent)
    await scene.inSync()
    assert.equal(scene.root.epoch, before.epoch)
    assert.ok(scene.root.sequence > before.sequence)
  },
)

scene(
  'an agent stopped and started on an unchanged tree: the same sequences, and nothing is sent',
  filled,
  async (scene) => {
    await scene.inSync()
    await scene.rest()
    const [root, { sequence }] = [scene.root, scene.receiver(0)]
    const sent = await sentBy(scene, async () => {
      await scene.stop(scene.world.agent)
      scene.start(scene.world.agent)
      await scene.until(() => scene.root.state === 'ready' && scene.receiver(0).state === 'live')
      await scene.rest()
    })
    assert.deepEqual([scene.root.epoch, scene.root.sequence], [root.epoch, root.sequence])
    assert.equal(scene.receiver(0).sequence, sequence)
    assert.deepEqual(sent, { bytes: 0, changes: 0, resyncs: 0 })
  },
)

scene('a receiver killed in a burst, twice, converges', filled, async (scene) => {
  for (const name of ['one', 'two']) {
    burst(scene, name)
    await scene.until(() => scene.target.has(name))
    scene.kill(scene.host(0))
    assert.ok(scene.target.names(name).length < BURST)
    scene.start(scene.host(0))
  }
  await scene.inSync()
})

scene('a receiver that was away gets what it missed and no more', filled, async (scene) => {
  await scene.inSync()
  scene.kill(scene.host(0))
  const missed = 20
  for (let number = 0; number < missed; number += 1) scene.source.append(`app/file-${number}`, 'x'.repeat(100))
  scene.source.remove('app/file-30')
  const { bytes, changes, resyncs } = await sentBy(scene, async () => {
    scene.start(scene.host(0))
    await scene.inSync()
  })
  // The file that is gone, and the directory that held it.
  assert.deepEqual([changes, resyncs], [missed + 2, 0])
  assert.ok(bytes < 1.2 * missed * 2_048, `${bytes} bytes came`)
})

scene('a large file cut in the middle continues where it was', filled, async (scene) => {
  const size = 600_000
  await scene.inSync()
  scene.lineOf(0, { latencyMs: 2, rate: 20, repeatsOneIn: 0 })
  const { lines, network } = scene.world
  const { bytes } = await sentBy(scene, async () => {
    const before = lines.segmentBytes
    scene.source.write('large', createHash('shake256', { outputLength: size }).update('large').digest())
    await scene.until(() => lines.segmentBytes - before > size / 2)
    network.cut('web1')
    await scene.inSync()
  })
  assert.ok(bytes > size, 'the cut came in the middle of a transfer')
  // Bytes that were on their way and not staged come again: at most the credit.
  const again = BOUNDS.creditBytes
  // Slices that small changes may overtake are small, and each has a header and an end.
  const headers = (size / AGENT_BOUNDS.overtakenSliceBytes) * 1_536
  assert.ok(bytes < size * 1.04 + headers + again, `${bytes} bytes came for ${size}`)
})

scene(
  'a receiver that is forgotten while it is connected is not remembered by the end of its connection',
  { prepare: ({ source }) => source.write('a', 'content') },
  async (scene) => {
    await scene.inSync()
    scene.host(1).caller.isBlocked = true
    await scene.ask((agent) => agent.feed.forget('web2'))
    await scene.rest(SAVED_MS)
    const known = rowsOf(scene.world.agent.machine, INDEX_FILE, 'SELECT name FROM receivers')
    assert.deepEqual(
      known.map(({ name }) => name),
      ['web1'],
    )
  },
)
