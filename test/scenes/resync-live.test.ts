/** Full resyncs alongside everything else that happens: changes, first syncs, other resyncs, broken lines, absent receivers. */
import assert from 'node:assert/strict'
import { namesOf, type Scene, type SceneOptions, scene } from './scene.ts'

const DIRECTORIES = 8
const FILES = 15
const MOST_PAUSE_MS = 200
/** Meanwhile: a line that is kept busy for good never sees the end of a resync. */
const MOST_WRITES = 20
/** Lines on which a listing takes its time. */
const BUSY = { latencyMs: 5, rate: 500, repeatsOneIn: 0 }
const SLOW = { latencyMs: 5, rate: 20, repeatsOneIn: 0 }

/** Enough for several listings and many wants. */
function fillMany({ source }: Scene): void {
  for (let directory = 0; directory < DIRECTORIES; directory += 1) {
    for (let number = 0; number < FILES; number += 1)
      source.write(`d${directory}/f${number}`, `${directory} ${number} `.repeat(20))
  }
}

const drifting: SceneOptions = { receivers: 1, settings: { isDrifting: true }, prepare: fillMany }

/** Changes the source once more: by rename, in place, by appending, and by making and removing. */
function writeRound({ source }: Scene, round: number): void {
  const text = String(round)
  source.write('.counter', text)
  source.rename('.counter', 'counter')
  source.write(`d0/f${round % 10}`, text)
  if (source.has('d1/log')) source.append('d1/log', `${text}\n`)
  else source.write('d1/log', `${text}\n`)
  source.write(`made/${round % 5}/file`, text)
  if (source.has(`made/${(round + 2) % 5}`)) source.remove(`made/${(round + 2) % 5}`)
}

scene('while changes flow a dry run finds nothing, and a repair undoes none of them', drifting, async (scene) => {
  await scene.inSync()
  const { target } = scene
  let [written, last, writtenAt] = [0, 0, 0]
  const write = () => {
    written += 1
    writtenAt = scene.world.scheduler.now
    writeRound(scene, written)
  }
  /** Writes until the resync is over, and checks that its counter never goes back. */
  const follow = async (id: string) => {
    const before = written
    write()
    await scene.until(() => {
      const counter = target.has('counter') ? Number(target.read('counter')) : 0
      assert.ok(counter >= last, `${counter} after ${last}`)
      last = counter
      if (scene.lookAt(id).state !== 'running') return true
      const isTime = scene.world.scheduler.now > writtenAt + scene.chance.between(0, MOST_PAUSE_MS)
      if (isTime && written < before + MOST_WRITES) write()
      return false
    })
    assert.ok(written > before + 1, 'nothing was changed meanwhile')
    const { state, receivers } = scene.lookAt(id)
    assert.equal(state, 'done', JSON.stringify(receivers))
    return namesOf(receivers['web1'] ?? assert.fail())
  }
  scene.lineOf(0, BUSY)
  for (let round = 0; round < 6; round += 1) {
    write()
    await scene.until(() => target.has('counter'))
    const check = round % 2 === 0 ? 'metadata' : 'content'
    assert.deepEqual(await follow((await scene.order({ dryRun: true, check })).id), [], `round ${round}`)
    const d = `d${round + 2}`
    target.remove(`${d}/f${round}`, `${d}/f1${round % 5}`)
    target.write(`${d}/stranger`, 'unknown')
    const expected = [`extraneous ${d}/stranger`, `missing ${d}/f${round}`, `missing ${d}/f1${round % 5}`]
    assert.deepEqual(await follow((await scene.order({ check })).id), expected.sort())
  }
  await scene.inSync()
})

scene(
  'two at once run one after the other, and one for an absent receiver when it is back',
  { ...drifting, receivers: 2 },
  async (scene) => {
    await scene.inSync()
    await scene.rest()
    const [target1, target2] = scene.targets
    target1?.remove('d3')
    target2?.remove('d4')
    const first = await scene.order()
    const second = await scene.order({ dryRun: true })
    await scene.until(() => scene.lookAt(second.id).state !== 'running')
    const [before, done] = [scene.lookAt(first.id), scene.lookAt(second.id)]
    assert.deepEqual([before.state, done.state], ['done', 'done'])
    for (const { missing, repaired, changed } of Object.values(before.receivers))
      assert.deepEqual([missing, repaired - changed], [FILES + 1, FILES + 1])
    for (const receiver of Object.values(done.receivers)) assert.deepEqual(namesOf(receiver), [])

    scene.kill(scene.host(0))
    target1?.remove('d5/f1')
    const { id } = await scene.order({ check: 'content' })
    await scene.until(() => scene.lookAt(id).receivers['web2']?.state === 'done')
    assert.deepEqual([scene.lookAt(id).state, scene.lookAt(id).receivers['web1']?.state], ['running', 'pending'])
    scene.start(scene.host(0))
    await scene.until(() => scene.lookAt(id).state !== 'running')
    assert.deepEqual([scene.lookAt(id).state, scene.lookAt(id).receivers['web1']?.missing], ['done', 1])
    await scene.inSync()

    scene.kill(scene.host(0))
    const never = await scene.order({ receivers: ['web1'] })
    await scene.ask(({ feed }) => feed.forget('web1'))
    await scene.until(() => scene.lookAt(never.id).state !== 'running')
    assert.equal(scene.lookAt(never.id).receivers['web1']?.state, 'failed')
  },
)

scene(
  'one that is ordered amid a first sync waits for its end',
  { ...drifting, receiversLater: true },
  async (scene) => {
    scene.lineOf(0, SLOW)
    await scene.until(() => scene.root.state === 'ready')
    scene.start(scene.host(0))
    await scene.until(() => scene.world.lines.changes > 0)
    const { id } = await scene.order({ receivers: ['web1'], check: 'content' })
    await scene.until(() => scene.lookAt(id).state !== 'running')
    const { state, receivers } = scene.lookAt(id)
    const { checked, missing, changed, extraneous } = receivers['web1'] ?? assert.fail()
    assert.deepEqual([state, checked, missing, changed, extraneous], ['done', DIRECTORIES * (FILES + 1) + 1, 0, 0, 0])
    await scene.inSync()
  },
)

scene(
  'one that is cancelled half-way keeps what it repaired; one that is cut off begins anew',
  drifting,
  async (scene) => {
    await scene.inSync()
    scene.lineOf(0, SLOW)
    const hasBegun = (id: string) => (scene.lookAt(id).receivers['web1']?.repaired ?? 0) > 0
    scene.target.empty()
    const { id } = await scene.order()
    await scene.until(() => hasBegun(id))
    const cancelled = await scene.ask(({ resyncs }) => resyncs.cancel(id))
    assert.equal(cancelled?.state, 'cancelled')
    const again = await scene.ask(({ resyncs }) => resyncs.cancel(id))
    assert.equal(again?.finishedAt, cancelled.finishedAt)
    await scene.rest()
    const { repaired } = scene.lookAt(id).receivers['web1'] ?? assert.fail()
    assert.ok(repaired > 0 && repaired < DIRECTORIES * FILES, String(repaired))

    const other = await scene.order()
    await scene.until(() => hasBegun(other.id))
    assert.equal(scene.lookAt(other.id).state, 'running')
    scene.world.network.cut('web1')
    await scene.until(() => scene.lookAt(other.id).state !== 'running')
    assert.equal(scene.lookAt(other.id).state, 'done')
    await scene.inSync()
    assert.deepEqual(namesOf(await scene.resync({ dryRun: true, check: 'content' })), [])
  },
)
