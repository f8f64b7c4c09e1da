/** The agent opens its docroot anew while receivers are connected, also over lines that are worth compressing for. */
import assert from 'node:assert/strict'
import { scene } from './scene.ts'

scene('small and large changes arrive compressed', { settings: { compress: true } }, async (scene) => {
  await scene.inSync()
  scene.source.write('small.txt', 'again and '.repeat(30))
  await scene.inSync()
  scene.source.write('large.txt', 'again and '.repeat(30_000))
  await scene.inSync()
  assert.ok(scene.said.some((line) => line.includes('"encoding":"zstd"') && line.includes('large.txt')))
  assert.ok(scene.world.lines.segmentBytes < 30_000, `${scene.world.lines.segmentBytes} bytes were sent`)
})

scene('a new filter takes effect at a HUP, and everything after it still arrives everywhere', {}, async (scene) => {
  await scene.inSync()
  for (let round = 0; round < 3; round += 1) {
    for (let file = 0; file < 6; file += 1) {
      scene.source.write(`round-${round}/f${file}`, Buffer.alloc(15_000, round * 10 + file))
    }
    await scene.reconfigure({ exclude: [`*.cache${round}`] })
    scene.source.write(`left-out.cache${round}`, '')
    for (let file = 0; file < 6; file += 1) scene.source.write(`small-${round}-${file}`, `small ${file}`)
    await scene.inSync()
    for (const target of scene.targets) assert.ok(!target.has(`left-out.cache${round}`))
  }
})

scene(
  'a docroot that is a symlink is followed when it is switched to another release',
  {
    settings: { path: '/srv/current' },
    prepare: (scene) => {
      for (const release of ['one', 'two']) {
        const tree = scene.elsewhere(`/srv/${release}`)
        tree.write('app/version', release)
        tree.write(`only-${release}`, release)
      }
      scene.elsewhere('/srv').symlink('/srv/one', 'current')
    },
  },
  async (scene) => {
    await scene.inSync()
    const srv = scene.elsewhere('/srv')
    for (const release of ['two', 'one', 'two']) {
      srv.symlink(`/srv/${release}`, 'next')
      srv.rename('next', 'current')
      await scene.inSync()
      for (const target of scene.targets) assert.deepEqual(target.names().sort(), ['app', `only-${release}`])
    }
  },
)

scene('a docroot that is away deletes nothing, is reported, and continues when it is back', {}, async (scene) => {
  scene.source.write('kept', 'kept')
  await scene.inSync()
  const srv = scene.elsewhere('/srv')
  srv.rename('shop', 'away')
  await scene.until(() => scene.root.state === 'halted')
  await scene.rest()
  for (const target of scene.targets) assert.equal(target.read('kept'), 'kept')
  srv.rename('away', 'shop')
  await scene.inSync()
  scene.source.write('later', 'later')
  await scene.inSync()
})
