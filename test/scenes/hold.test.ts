/** A held root: nothing above the hold's sequence leaves the agent, until it is released as one. */
import assert from 'node:assert/strict'
import { notReadyReason } from '../../packages/receiver/src/serve/http/readiness.ts'
import { GOOD } from '../simulation/network.ts'
import type { AgentProcess } from '../simulation/processes.ts'
import { deploy, FILES, held, heldByFile, hold, LARGE, live, looks, prepare, RELEASE, release } from './held-root.ts'
import { type Scene, scene } from './scene.ts'

scene('what changes while a root is held comes with its release, and not before', { prepare }, async (scene) => {
  await scene.inSync()
  scene.source.write('just before', 'belongs to what receivers have')
  const { answer, behind } = await hold(scene)
  assert.equal(answer.outcome, 'held')
  assert.deepEqual(behind, [])
  assert.ok(scene.targets.every((target) => target.has('just before')))
  const before = looks(scene)

  await deploy(scene, 'v2')
  await scene.rest(20_000)
  assert.deepEqual(looks(scene), before)
  await live(scene)
  for (const number of [0, 1]) assert.deepEqual(scene.receiver(number).lag, { sequences: 0, seconds: 0 })
  assert.equal((await hold(scene)).answer.outcome, 'was-held')

  const dry = await release(scene, { dryRun: true })
  assert.ok(dry.outcome === 'dry-run' && dry.changes > FILES && dry.paths.includes('v2/new'), JSON.stringify(dry))
  assert.deepEqual(looks(scene), before)
  assert.equal((await release(scene)).outcome, 'released')
  await scene.inSync()
  assert.equal((await release(scene)).outcome, 'not-held')
})

scene(
  'a receiver that had not everything when a root is held is not ready before the release has come',
  { prepare },
  async (scene) => {
    await scene.inSync()
    const isReady = () =>
      scene.targets.map((_, number) => notReadyReason(scene.receiverState(number), null, 0) === null)
    scene.lineOf(1, { ...GOOD, rate: 1 })
    scene.source.write('large', 'slow'.repeat(LARGE))
    await scene.inSync([scene.host(0)])
    const { behind } = await hold(scene)
    assert.deepEqual(behind, ['web2'])
    scene.lineOf(1, GOOD)
    await scene.until(() => !isReady().every(Boolean))
    assert.deepEqual(isReady(), [true, false])
    await deploy(scene, 'v2')
    await scene.rest(20_000)
    assert.deepEqual(isReady(), [true, false])
    assert.equal((await release(scene)).outcome, 'released')
    await scene.inSync()
    assert.deepEqual(isReady(), [true, true])
  },
)

scene(
  'a hold outlives a crash of the agent; a late receiver gets nothing before the release',
  { prepare },
  async (scene) => {
    await scene.inSync()
    scene.kill(scene.host(1))
    scene.source.write('app/f1', 'missed by web2')
    await scene.inSync([scene.host(0)])
    await hold(scene)
    const before = looks(scene)
    await deploy(scene, 'v2')
    scene.kill(scene.world.agent)
    scene.source.write('app/f2', 'while the agent was away')
    scene.start(scene.world.agent)
    scene.start(scene.host(1))
    await scene.until(() => held(scene) !== null && scene.root.state === 'ready')
    await scene.until(() => scene.receiver(0).state === 'live' && scene.receiver(1).state !== 'offline')
    await scene.rest(30_000)
    assert.deepEqual(looks(scene), before)
    assert.equal((await release(scene)).outcome, 'released')
    await scene.inSync()
  },
)

scene(
  'what was written before a release, or before a hold, is part of it, also where only the bytes of large files tell',
  { prepare: (scene) => scene.source.write('large', 'old'.repeat(LARGE)) },
  async (scene) => {
    await scene.inSync()
    scene.source.editUnseen('large', 'one'.repeat(LARGE))
    await hold(scene)
    assert.ok(scene.targets.every((target) => target.read('large').startsWith('one')))
    scene.source.editUnseen('large', 'two'.repeat(LARGE))
    const released = await release(scene)
    assert.deepEqual(released.outcome === 'released' ? released.paths : [], ['large'])
    await scene.inSync()
  },
)

scene('many who look at what waits are in the way of no release', { prepare }, async (scene) => {
  await scene.inSync()
  await hold(scene)
  await deploy(scene, 'v2')
  const outcomes: string[] = []
  const ask = async (feed: Parameters<Parameters<Scene['ask']>[0]>[0]['feed'], dryRun: boolean) =>
    outcomes.push((await feed.holds.release({ ...RELEASE, dryRun })).answer.outcome)
  await scene.ask(async ({ feed }) => {
    const looks = Array.from({ length: 50 }, () => ask(feed, true))
    await ask(feed, false)
    assert.ok(outcomes.length < 10, `${outcomes.length} looks came before the release`)
    await Promise.all(looks)
  })
  assert.equal(outcomes.filter((outcome) => outcome === 'released').length, 1)
  await scene.inSync()
})

scene('a new receiver waits for the release', { prepare, receiversLater: true }, async (scene) => {
  await scene.until(() => scene.root.state === 'ready')
  await hold(scene)
  await deploy(scene, 'v2')
  for (const host of scene.world.receivers) scene.start(host)
  await scene.rest(30_000)
  assert.ok(scene.targets.every((target) => !target.has('app')))
  await release(scene)
  await scene.inSync()
})

scene(
  'losses of a held root are judged when it is released',
  { prepare, settings: { guard: { maxDeletePercent: 20, minDeletes: 5 } } },
  async (scene) => {
    await scene.inSync()
    await hold(scene)
    for (let file = 0; file < FILES; file += 1) scene.source.remove(`app/f${file}`)
    await scene.rest()
    assert.equal(scene.root.state, 'ready')
    const dry = await release(scene, { dryRun: true })
    assert.match(dry.outcome === 'dry-run' ? (dry.loss ?? '') : '', /^mass deletion: 30 of 31/)
    assert.equal((await release(scene)).outcome, 'guard')
    // Put back, it is no loss; gone again, an operator accepts it.
    for (let file = 0; file < FILES; file += 1) scene.source.write(`app/f${file}`, `new ${file}`)
    await scene.rest()
    const again = await release(scene, { dryRun: true })
    assert.equal(again.outcome === 'dry-run' ? again.loss : '', null)
    for (let file = 0; file < FILES; file += 1) scene.source.remove(`app/f${file}`)
    assert.equal((await release(scene, { acceptLosses: true })).outcome, 'released')
    await scene.inSync()
    assert.ok(!scene.target.has('app/f3'))
    scene.source.write('later', 'the guard begins anew')
    await scene.inSync()
  },
)

const byTwo = { prepare, settings: { hold: { while: ['.maintenance', 'stale'], show: false, overdueMinutes: 15 } } }
const byFile = (show: boolean, exclude: string[] = []) => ({
  prepare,
  settings: { hold: { while: ['.maintenance'], show, overdueMinutes: 15 }, exclude },
})

scene(
  'a maintenance file that stays behind holds the root; when it is gone, everything comes at once',
  byFile(false, ['/.maintenance']),
  async (scene) => {
    await scene.inSync()
    const before = looks(scene)
    scene.source.write('.maintenance', '1')
    await deploy(scene, 'v2')
    await scene.rest(20_000)
    assert.deepEqual(looks(scene), before)
    assert.match(held(scene)?.reason ?? '', /^\/\.maintenance is there$/)
    scene.source.remove('.maintenance')
    await scene.inSync()
    assert.equal(held(scene), null)
  },
)

scene('the hold by a file outlives a crash, and ends when the file went meanwhile', byFile(false), async (scene) => {
  await scene.inSync()
  const before = looks(scene)
  scene.source.write('.maintenance', '1')
  await heldByFile(scene)
  await deploy(scene, 'v2')
  scene.kill(scene.world.agent)
  scene.start(scene.world.agent)
  await scene.until(() => scene.root.state === 'ready')
  await scene.rest()
  assert.deepEqual(looks(scene), before)
  scene.kill(scene.world.agent)
  scene.source.remove('.maintenance')
  scene.start(scene.world.agent)
  await scene.inSync()
})

scene(
  'what changed right before a file holds the root, and could not be sent any more, comes with the release, together',
  byFile(false),
  async (scene) => {
    await scene.inSync()
    const before = scene.root.sequence
    scene.source.write('app/f1', 'a moment before')
    await scene.until(() => scene.root.sequence > before)
    scene.source.write('.maintenance', '1')
    await heldByFile(scene)
    await deploy(scene, 'v2')
    scene.source.remove('.maintenance')
    await scene.inSync()
    const [round] = await scene.ask(async ({ feed }) => feed.holds.rounds)
    assert.deepEqual(
      [...(round?.members ?? [])].map(([, { standing, isLate }]) => [standing, isLate]),
      scene.targets.map(() => ['committed', false]),
    )
  },
)

scene('a file that is shown comes first and goes last', byFile(true), async (scene) => {
  await scene.inSync()
  scene.source.write('.maintenance', '1')
  await deploy(scene, 'v2')
  await scene.until(() => scene.targets.every((target) => target.has('.maintenance')))
  await scene.rest(20_000)
  assert.ok(scene.targets.every((target) => !target.has('v2') && target.has('app/f0')))
  scene.source.remove('.maintenance')
  await scene.until(() => scene.targets.some((target) => !target.has('.maintenance')))
  for (const target of scene.targets)
    assert.ok(target.has('.maintenance') || (target.has('v2/new') && !target.has('app/f0')))
  await scene.inSync()
})

scene(
  'a file that is shown comes with the directories that were made for it',
  { prepare, settings: { hold: { while: ['files/update/update.json'], show: true, overdueMinutes: 15 } } },
  async (scene) => {
    await scene.inSync()
    scene.source.write('files/update/update.json', '1')
    for (const path of ['files/new', 'files/update/new', 'files/update/below/new']) scene.source.write(path, 'of v2')
    await deploy(scene, 'v2')
    await scene.rest(20_000)
    assert.ok(scene.targets.every((target) => target.has('files/update/update.json') && !target.has('v2')))
    scene.source.remove('files/update/update.json')
    await scene.inSync()
    assert.equal(held(scene), null)
    assert.ok(scene.targets.every((target) => target.has('files/update/below/new')))
  },
)

scene(
  'the end of a file that is shown is recorded last, also when the guard let the release wait after it',
  { ...byFile(true), settings: { ...byFile(true).settings, guard: { maxDeletePercent: 20, minDeletes: 5 } } },
  async (scene) => {
    await scene.inSync()
    scene.source.write('.maintenance', '1')
    await scene.until(() => scene.targets.every((target) => target.has('.maintenance')))
    for (let file = 0; file < FILES; file += 1) scene.source.remove(`app/f${file}`)
    scene.source.remove('.maintenance')
    await scene.until(() => typeof held(scene)?.refused === 'string')
    scene.source.write('later', 'put right by hand')
    await scene.rest()
    assert.equal((await release(scene, { acceptLosses: true })).outcome, 'released')
    const [round] = await scene.ask(async ({ feed }) => feed.holds.rounds)
    const { changes } = await scene.ask(({ feed }) => feed.changes({ after: null, within: '.', limit: 100 }))
    const last = changes.findLast(({ sequence }) => sequence <= (round?.to ?? 0))
    assert.deepEqual([last?.path, last?.kind, last?.sequence], ['.maintenance', 'deleted', round?.to])
    await scene.inSync()
  },
)

scene('a hold is said to be overdue also when the clock was set back meanwhile', byFile(false), async (scene) => {
  await scene.inSync()
  scene.source.write('.maintenance', '1')
  await heldByFile(scene)
  const isSaid = () => scene.said.some((line) => /agent: error hold is overdue/.test(line))
  await scene.rest(10 * 60_000)
  scene.world.agent.machine.clockSkewMs -= 40 * 24 * 60 * 60_000
  await scene.rest(10 * 60_000)
  assert.equal(isSaid(), false)
  scene.world.agent.machine.clockSkewMs += 40 * 24 * 60 * 60_000
  await scene.rest(60 * 60_000)
  assert.equal(isSaid(), true)
})

scene(
  'an overdue hold says so and publishes nothing; a release goes past the file, which holds again later',
  byFile(false),
  async (scene) => {
    await scene.inSync()
    scene.source.write('.maintenance', '1')
    await heldByFile(scene)
    const before = looks(scene)
    await deploy(scene, 'v2')
    await scene.rest(16 * 60_000)
    assert.equal(held(scene)?.overdue, true)
    assert.ok(scene.said.some((line) => /agent: error hold is overdue/.test(line)))
    assert.deepEqual(looks(scene), before)
    assert.equal((await release(scene)).outcome, 'released')
    await scene.inSync()
    scene.source.write('app/f5', 'saved while the file is still there')
    await scene.inSync()
    scene.source.remove('.maintenance')
    await scene.inSync()
    scene.source.write('.maintenance', '2')
    await heldByFile(scene)
    scene.source.remove('.maintenance')
    await scene.inSync()
  },
)

for (const [name, show] of [
  ['a file that is back while its release is staged holds what comes after that', false],
  ['a file that is back while its release is staged, and is shown, comes at once', true],
] as const)
  scene(name, byFile(show), async (scene) => {
    await scene.inSync()
    scene.source.write('.maintenance', '1')
    await heldByFile(scene)
    await deploy(scene, 'v2')
    scene.source.remove('.maintenance')
    await scene.until(() => scene.agent.feed.holds.rounds[0]?.at === 'collect')
    const { id } = held(scene) ?? assert.fail('it is being released')
    scene.source.write('.maintenance', '2')
    await scene.rest(10)
    for (let file = 0; file < FILES; file += 1) scene.source.write(`v3/f${file}`, 'half of v3')
    await scene.rest(20_000)
    assert.notEqual(held(scene)?.id ?? id, id)
    for (const target of scene.targets) {
      assert.ok(target.has('v2/new') && !target.has('v3'))
      assert.equal(target.has('.maintenance'), show)
    }
    scene.source.remove('.maintenance')
    await scene.inSync()
    assert.equal(held(scene), null)
  })

scene('a file that an operator has released past keeps no other from releasing the root', byTwo, async (scene) => {
  await scene.inSync()
  scene.source.write('stale', '1')
  await heldByFile(scene)
  assert.equal((await release(scene)).outcome, 'released')
  scene.source.write('.maintenance', '1')
  await heldByFile(scene)
  await deploy(scene, 'v2')
  scene.source.remove('.maintenance')
  await scene.inSync()
  assert.equal(held(scene), null)
})

scene('who has held the root releases no hold of others', { prepare }, async (scene) => {
  await scene.inSync()
  const first = (await hold(scene)).answer.hold.id
  assert.equal((await release(scene)).outcome, 'released')
  assert.equal((await release(scene, { hold: first })).outcome, 'not-held')
  const second = (await hold(scene)).answer.hold.id
  await deploy(scene, 'half of v2')
  const before = looks(scene)
  assert.equal((await release(scene, { hold: first })).outcome, 'held-anew')
  await scene.rest()
  assert.deepEqual(looks(scene), before)
  assert.equal((await release(scene, { hold: second })).outcome, 'released')
  await scene.inSync()
})

scene('a release that is too large for one commit is refused, and goes in parts', { prepare }, async (scene) => {
  await scene.inSync()
  await hold(scene)
  for (let file = 0; file < 3 * FILES; file += 1) scene.source.write(`app/g${file}`, `part of ${file}`)
  await scene.rest()
  const before = looks(scene)
  const refused = await release(scene)
  assert.ok(refused.outcome === 'too-large' && refused.changes > 3 * FILES, JSON.stringify(refused))
  assert.deepEqual(looks(scene), before)
  const released = await release(scene, { isInParts: true })
  assert.ok(released.outcome === 'released' && released.parts >= 3, JSON.stringify(released))
  assert.equal(held(scene), null)
  await scene.inSync()
})

scene(
  'a release that the end of the agent broke off, and that has grown too large, goes in parts no shorter than what is staged',
  { prepare },
  async (scene) => {
    await scene.inSync()
    await hold(scene)
    for (let file = 0; file < FILES + 12; file += 1) scene.source.write(`app/g${file}`, `staged ${file}`)
    await scene.rest()
    // The round waits for the second receiver.
    scene.lineOf(1, { ...GOOD, rate: 0.01 })
    await (scene.world.agent.daemon as AgentProcess).release()
    const staged = () => scene.said.filter((line) => /web1 ──▶ \{"type":"staged"/.test(line))
    await scene.until(() => staged().length === 4)
    scene.kill(scene.world.agent)
    scene.lineOf(1, GOOD)
    scene.start(scene.world.agent)
    await scene.until(() => held(scene) !== null && scene.root.state === 'ready')
    for (let file = 0; file < FILES; file += 1) scene.source.write(`app/h${file}`, `later ${file}`)
    await scene.rest()
    assert.equal((await release(scene, { isInParts: true })).outcome, 'released')
    await scene.inSync()
    assert.deepEqual(
      scene.said.filter((line) => line.includes('broke the protocol')),
      [],
    )
  },
)

scene(
  'where every change is a round, receivers show it together, and one that is away holds up nobody',
  { prepare, settings: { together: 'always' } },
  async (scene) => {
    await scene.inSync()
    const commits = scene.world.rounds.commits
    scene.source.write('app/f1', 'new')
    await scene.inSync()
    assert.equal(scene.world.rounds.commits, commits + scene.targets.length)
    scene.kill(scene.host(1))
    scene.source.write('app/f2', 'new')
    await scene.inSync([scene.host(0)])
    scene.start(scene.host(1))
    await scene.inSync()
    await hold(scene)
    const before = looks(scene)
    await deploy(scene, 'v2')
    await scene.rest(20_000)
    assert.deepEqual(looks(scene), before)
    assert.equal((await release(scene)).outcome, 'released')
    await scene.inSync()
  },
)

scene(
  'a change that a file of hold.while cuts off amid its round comes with the release, and leaves nobody behind',
  {
    prepare,
    settings: { together: 'always', hold: { while: ['.maintenance'], show: false, overdueMinutes: 15 } },
  },
  async (scene) => {
    await scene.inSync()
    const commits = scene.world.rounds.commits
    scene.source.write('large', 'under way'.repeat(LARGE))
    await scene.rest(40)
    scene.source.write('.maintenance', '1')
    await heldByFile(scene)
    assert.ok(
      scene.targets.some((target) => !target.has('large')),
      'it was there before the hold',
    )
    await deploy(scene, 'v2')
    await scene.rest(20_000)
    scene.source.remove('.maintenance')
    await scene.inSync()
    assert.equal(scene.world.rounds.commits, commits + scene.targets.length, 'a round of all')
    await live(scene)
  },
)

scene(
  'a root that is moved away with the file that holds it is not released by that',
  { prepare, settings: { hold: { while: ['lock'], show: false, overdueMinutes: 15 } } },
  async (scene) => {
    await scene.inSync()
    const before = looks(scene)
    scene.source.write('lock', '')
    await heldByFile(scene)
    scene.source.write('app/f1', 'half of it')
    const srv = scene.elsewhere('/srv')
    srv.rename('shop', 'away')
    await scene.until(() => scene.root.state === 'halted')
    await scene.rest(10_000)
    assert.deepEqual(looks(scene), before)
    srv.rename('away', 'shop')
    await scene.until(() => scene.root.state === 'ready')
    await scene.rest(10_000)
    assert.deepEqual(looks(scene), before)
    scene.source.remove('lock')
    await scene.inSync()
  },
)
