/**
 * One run: a farm is set up, faults happen for a while, then they end, and finally everything must be well.
 *
 *   troubles ─▶ heal all but one ─▶ the others get in sync (G9) ─▶ heal it ─▶ in sync (G1) ─▶ quiet ─▶ restarted: nothing
 *   is sent (G5) ─▶ one change: little is sent (G5)
 */
import { writeFileSync } from './disk-calls.ts'
import { enter } from './farm.ts'
import { heal, spoil, strike } from './injected-faults.ts'
import { owedBy } from './judge-committed.ts'
import { SOURCE } from './places.ts'
import { AgentProcess } from './processes.ts'
import { drawApart, drawSettings } from './settings.ts'
import { hasUnheardFiles } from './unheard-files.ts'
import { type Guarantee, Violation } from './violation.ts'
import { isBare, type ReceiverHost, World } from './world.ts'

export interface Outcome {
  seed: number
  violation: { guarantee: Guarantee; message: string } | null
  /** The last events of the run. */
  story: string[]
  turns: number
  simulatedMs: number
}

const MOST_STORY = 4_000
/** Longer than the longest pause between two attempts of anything. */
const PATIENCE_MS = 1_500_000
const QUIET_MS = 4_000
/** The longest collecting, the fence, and scans. */
const MOST_RELEASE_MS = 330_000
/** The heartbeat's patience, and time to dial and to catch up. */
const UNHEARD_MS = 60_000
const FEW_BYTES = 4_096
const SLOW_CALL_MS = 8

export async function runSeed(seed: number, tell: (line: string) => void = () => undefined): Promise<Outcome> {
  const story: string[] = []
  const world = new World(
    seed,
    (chance) => ({ ...drawSettings(chance), ...drawApart(seed) }),
    (line) => {
      tell(line)
      story.push(line)
      if (story.length > MOST_STORY) story.shift()
    },
  )
  let violation: Outcome['violation'] = null
  try {
    await live(world)
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    violation = { guarantee: error.guarantee, message: error.message }
    world.tell(error.stack ?? '')
  } finally {
    for (const host of world.hosts) world.kill(host)
    enter(null)
  }
  return { seed, violation, story, turns: world.scheduler.turns, simulatedMs: world.scheduler.now }
}

async function live(world: World): Promise<void> {
  const { chance, receivers } = world
  world.tell(JSON.stringify(world.settings))
  if (world.settings.deploysOneIn > 0) {
    world.deploys.begin()
    world.workload.noteChange()
  }
  for (let many = chance.below(25); many > 0; many -= 1) world.workload.step()
  for (let steps = world.settings.steps; steps > 0; steps -= 1) {
    if (chance.oneIn(2))
      for (let many = chance.below(8); many >= 0; many -= 1) world.tell(`   ${world.workload.step()}`)
    if (world.settings.uploadsOneIn > 0 && chance.oneIn(world.settings.uploadsOneIn)) await upload(world)
    await deploy(world)
    await visit(world)
    await link(world)
    await share(world)
    await unmount(world)
    if (world.settings.holdsOneIn > 0 && chance.oneIn(world.settings.holdsOneIn)) await holdOrRelease(world)
    if (chance.oneIn(2)) await strike(world)
    await world.advance(10 ** chance.between(0, 3.2))
  }
  const spoilt = receivers.length > 1 && chance.oneIn(2) ? [chance.pick(receivers)] : []
  heal(world, spoilt)
  world.shared?.mountEverywhere()
  world.workload.noteChange()
  for (const host of spoilt) spoil(world, host)
  const others = receivers.filter((host) => !spoilt.includes(host))
  await released(world)
  await inSync(world, others, spoilt.length > 0 ? 'G9' : 'G1')
  heal(world, [])
  await inSync(world, receivers, 'G1')
  await quiet(world)
  await restarted(world)
  await oneMore(world)
  world.shared?.judge()
  for (const { local, settings } of receivers) local.judge(settings.extraneous === 'report')
}

/** A large file is on its way while others go on to work. */
async function upload(world: World): Promise<void> {
  const { workload, uploads } = world
  world.tell(`   ${uploads.oneIn(2) ? workload.archive(uploads) : workload.upload()}`)
  for (let saves = 1 + world.chance.below(6); saves > 0; saves -= 1) {
    await world.advance(10 ** world.chance.between(1, 2.8))
    world.tell(`   ${world.chance.oneIn(4) ? world.workload.meddle() : world.workload.step()}`)
  }
}

/** Now and then an archive is unpacked, and what comes and goes in it does so while it is scanned. */
async function visit(world: World): Promise<void> {
  const { visitsOneIn } = world.settings
  const { chance } = world.visitors
  if (visitsOneIn === 0 || !chance.oneIn(visitsOneIn)) return
  const { machine } = world.agent
  const { mostCallMs } = machine
  // A scan of a few entries takes longer than hints take to settle, as a scan of many does.
  machine.mostCallMs = chance.pick([mostCallMs, SLOW_CALL_MS])
  for (let told: string | null = world.visitors.unpack(); told !== null; told = world.visitors.leave()) {
    world.workload.noteChange()
    world.tell(`   ${told}`)
    await world.advance(chance.between(0, 100))
  }
  machine.mostCallMs = mostCallMs
}

/** Now and then programs work with files that have several names. */
async function link(world: World): Promise<void> {
  const { linksOneIn } = world.settings
  const { chance } = world.linkers
  if (linksOneIn === 0 || !chance.oneIn(linksOneIn)) return
  const isQuick = chance.oneIn(2)
  for (const told of world.linkers.work()) {
    world.workload.noteChange()
    world.tell(`   ${told}`)
    if (chance.oneIn(isQuick ? 6 : 2)) await world.advance(10 ** chance.between(-1, 2.4))
  }
  world.workload.noteChange()
}

/** Now and then the docroot itself is away for a while: nobody can work on it, and nothing is deleted for that. */
async function unmount(world: World): Promise<void> {
  const { away, settings, shared } = world
  if (settings.unmountsOneIn === 0 || shared !== null || !away.chance.oneIn(settings.unmountsOneIn)) return
  // An agent that never saw the docroot, or saw nothing in it, takes what is there for it.
  const { daemon } = world.agent
  if (!(daemon instanceof AgentProcess) || daemon.process.isDead || daemon.status?.state !== 'ready') return
  if (!away.isKnown) return
  world.tell(`— ${away.goes()}`)
  await world.advance(10 ** away.chance.between(1, 4.3))
  world.tell(`— ${away.comes()}`)
  await world.advance(10 ** away.chance.between(0, 4))
}

/** Now and then programs write to a volume that all machines share, and it is unmounted somewhere, or mounted again. */
async function share(world: World): Promise<void> {
  const { shared, settings } = world
  if (shared === null || !shared.chance.oneIn(settings.sharesOneIn)) return
  for (let writes = 1 + shared.chance.below(6); writes > 0; writes -= 1) {
    const { writable } = shared
    // Mostly where the docroot is.
    const name = shared.chance.oneIn(4) ? shared.chance.pick([...writable, 'agent']) : 'agent'
    const host = world.hosts.find(({ machine }) => machine.name === name && writable.includes(name))
    if (host !== undefined) world.tell(`   ${name}: ${world.at(host, () => shared.write())}`)
    if (shared.chance.oneIn(8)) world.tell(`— ${shared.remount()}`)
    world.workload.noteChange()
    await world.advance(10 ** shared.chance.between(0, 3.4))
  }
}

/** Now and then somebody deploys a release, step by step, while others go on to work. */
async function deploy(world: World): Promise<void> {
  const { deploysOneIn } = world.settings
  const { chance } = world.deploys
  if (deploysOneIn === 0 || !chance.oneIn(deploysOneIn)) return
  const isQuick = chance.oneIn(3)
  for (const told of world.deploys.deploy()) {
    world.workload.noteChange()
    world.tell(`   ${told}`)
    if (chance.oneIn(12)) world.tell(`   ${world.workload.step()}`)
    if (chance.oneIn(30)) await strike(world)
    if (chance.oneIn(isQuick ? 20 : 4)) await world.advance(10 ** chance.between(-1, 2.4))
  }
}

async function holdOrRelease(world: World): Promise<void> {
  const { daemon } = world.agent
  if (!(daemon instanceof AgentProcess) || daemon.process.isDead) return
  const isHold = world.chance.oneIn(2)
  const isRolling = world.rolls && world.rounds.isHeld
  world.tell(isHold ? '— an operator holds the root' : `— an operator releases the root${isRolling ? ', rolling' : ''}`)
  if (isHold) return await daemon.hold()
  if (isRolling) world.rounds.turns.begins()
  await daemon.release(undefined, isRolling)
}

/** An operator releases the root as often as it takes; one release is over in time, whatever one receiver does. */
async function released(world: World): Promise<void> {
  // What is on its way between the threads arrives.
  await world.advance(QUIET_MS)
  const end = world.scheduler.now + PATIENCE_MS
  while (world.scheduler.now < end) {
    const { daemon } = world.agent
    const isUp = daemon instanceof AgentProcess && !daemon.process.isDead && daemon.status?.state === 'ready'
    if (isUp && daemon.status?.hold === null && daemon.holdsToCome === 0) return
    if (isUp && daemon instanceof AgentProcess) {
      let isOver = false
      world.tell('— an operator releases the root')
      await daemon.release(() => {
        isOver = true
      })
      const isInTime = await world.advance(MOST_RELEASE_MS, () => isOver || daemon.process.isDead)
      if (!isInTime) throw new Violation('G10', `a release takes longer than ${MOST_RELEASE_MS / 1000} s`)
    }
    await world.advance(1_000)
  }
  throw new Violation('G10', 'the root stays held')
}

async function inSync(world: World, receivers: readonly ReceiverHost[], guarantee: Guarantee): Promise<void> {
  const isSynced = () => receivers.every((host) => world.shortcomings(host).length === 0)
  let checkedAt = 0
  const check = () => {
    // Comparing whole trees is expensive: every few milliseconds of a farm's time are often enough.
    if (world.scheduler.now < checkedAt + 20) return false
    checkedAt = world.scheduler.now
    return isSynced()
  }
  if (await world.advance(PATIENCE_MS, check)) return
  const lines = receivers.flatMap((host) => world.shortcomings(host).map((line) => `${host.machine.name}: ${line}`))
  throw new Violation(guarantee, `not in sync after ${PATIENCE_MS / 60_000} quiet minutes:\n${lines.join('\n')}`)
}

async function quiet(world: World): Promise<void> {
  // The trees may be equal, except for protected paths, while the last change waits on a line that was cut unheard.
  await world.advance(UNHEARD_MS)
  const before = world.lines.segmentBytes
  await world.advance(QUIET_MS)
  await inSync(world, world.receivers, 'G1')
  if (owesNothing(world) && world.lines.segmentBytes > before)
    throw new Violation('G5', 'content is sent though nothing happens any more')
}

/** A path that is owed for good, because something protected is in its place, is asked for now and then. */
function owesNothing({ receivers }: World): boolean {
  return receivers.every(({ machine }) => owedBy(machine).size === 0)
}

/** A target in which nothing but protected paths is left looks like an emptied one, and begins anew. */
function areFilled({ receivers }: World): boolean {
  return receivers.every((host) => !isBare(host))
}

/** A restart of all daemons costs nothing. */
async function restarted(world: World): Promise<void> {
  const { segmentBytes, resyncs } = world.lines
  const owedNothing = owesNothing(world)
  const few = hasUnheardFiles(world.agent.machine, world.settings.path) ? FEW_BYTES * world.receivers.length : 0
  for (const host of world.hosts) world.kill(host)
  await world.advance(PATIENCE_MS, () => world.hosts.every(({ daemon }) => daemon?.process.isDead === false))
  await world.advance(QUIET_MS * 10)
  await inSync(world, world.receivers, 'G1')
  const bytes = world.lines.segmentBytes - segmentBytes
  if (owedNothing && owesNothing(world) && areFilled(world) && (bytes > few || world.lines.resyncs > resyncs)) {
    throw new Violation('G5', `a restart of all had ${bytes} bytes sent and ${world.lines.resyncs - resyncs} resyncs`)
  }
}

async function oneMore(world: World): Promise<void> {
  const { segmentBytes } = world.lines
  writeFileSync(`${SOURCE}/one more`, 'x'.repeat(100))
  world.workload.noteChange()
  await world.advance(1)
  await inSync(world, world.receivers, 'G1')
  await world.advance(QUIET_MS)
  const bytes = world.lines.segmentBytes - segmentBytes
  if (owesNothing(world) && bytes > FEW_BYTES * world.receivers.length)
    throw new Violation('G5', `${bytes} bytes for one small file`)
}
