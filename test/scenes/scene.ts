/**
 * A story on the simulated farm, told step by step: a tree, an agent and receivers, the actions of people, and the
 * state of the farm when it has come to rest. The code is that of the daemons, with simulated disks, lines, processes
 * and time.
 *
 * Every scene is played under several seeds, which draw the order and the delays of events. INVARIANT: the oracles of
 * the simulation watch (see `world.ts`), except for those that a scene which changes targets itself has to switch off.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ResyncRequest } from '../../packages/agent/src/serve/resync/resync-request.ts'
import type { ResyncStatus } from '../../packages/agent/src/serve/schemas/resyncs.ts'
import type { ReceiverStatus } from '../../packages/agent/src/serve/schemas/status.ts'
import { enter } from '../simulation/farm.ts'
import { installSimulation } from '../simulation/install.ts'
import { GOOD, type LineQuality } from '../simulation/network.ts'
import { ROOT, SOURCE, STATE, TARGET } from '../simulation/places.ts'
import type { Chance } from '../simulation/random.ts'
import type { ReceiverSettings, Settings } from '../simulation/settings.ts'
import type { Host, ReceiverHost, World } from '../simulation/world.ts'
import { Tree } from './tree.ts'

installSimulation()
const { World: Farm } = await import('../simulation/world.ts')
const { AgentProcess, ReceiverProcess } = await import('../simulation/processes.ts')
type Agent = InstanceType<typeof AgentProcess>

export interface SceneOptions {
  /** Number of receivers: web1, web2, … */
  receivers?: number
  settings?: Partial<Omit<Settings, 'receivers' | 'steps'>>
  receiver?: Partial<Omit<ReceiverSettings, 'name'>>
  /** Puts objects on the disks before anything starts. */
  prepare?: (scene: Scene) => void
  /** The scene starts the receivers. */
  receiversLater?: boolean
}

const SEEDS = [1, 2, 3]
/** Longer than the longest pause between two attempts of anything. */
const PATIENCE_MS = 1_500_000
const LOOK_MS = 20
const REST_MS = 5_000
const NEVER = Number.POSITIVE_INFINITY

/** @param story is played once for each seed */
export function scene(name: string, options: SceneOptions, story: (scene: Scene) => Promise<void>): void {
  test(name, async () => {
    for (const seed of SEEDS) {
      const played = new Scene(seed, options)
      try {
        await story(played)
      } catch (error) {
        if (error instanceof Error) error.message += `\nseed ${seed}:\n${played.said.slice(-40).join('\n')}`
        throw error
      } finally {
        played.end()
      }
    }
  })
}

export class Scene {
  readonly world: World
  readonly source: Tree
  readonly targets: readonly Tree[]
  /** Everything that was logged and sent, oldest first: `<ms> <who>: <level> <message> <details>`. */
  readonly said: string[] = []
  /** Draws what the scene leaves open, from the seed. */
  readonly chance: Chance

  constructor(seed: number, { receivers = 2, settings, receiver, prepare, receiversLater = false }: SceneOptions) {
    const all: Settings = {
      path: SOURCE,
      backend: 'directory',
      watchQueue: 16_384,
      exclude: [],
      guard: { maxDeletePercent: 50, minDeletes: 100 },
      hold: { while: [], show: false, overdueMinutes: 15 },
      together: 'releases',
      isAttended: false,
      holdsOneIn: 0,
      isDrifting: false,
      compress: false,
      tickMs: 0.001,
      reusesNumbers: false,
      mostCallMs: 0,
      uploadsOneIn: 0,
      rescanMinutes: 1,
      deploysOneIn: 0,
      sharesOneIn: 0,
      unmountsOneIn: 0,
      visitsOneIn: 0,
      breaksAfterBytes: 0,
      linksOneIn: 0,
      ...settings,
      steps: 0,
      receivers: Array.from({ length: receivers }, (_, number) => ({
        quality: GOOD,
        stagesInside: false,
        protect: [],
        isPopulated: false,
        hasBorder: false,
        extraneous: 'trash',
        mostCallMs: 0,
        ...receiver,
        name: `web${number + 1}`,
      })),
    }
    this.world = new Farm(
      seed,
      () => all,
      (line) => this.said.push(line),
    )
    const { world } = this
    this.chance = world.chance.fork()
    this.source = new Tree(world, world.agent, SOURCE)
    this.targets = world.receivers.map((host) => new Tree(world, host, TARGET))
    prepare?.(this)
    world.workload.noteChange()
    if (receiversLater) for (const host of world.receivers) host.startAt = NEVER
  }

  get target(): Tree {
    return this.targets[0] ?? assert.fail('there is no receiver')
  }

  /** Another place on the agent's machine. */
  elsewhere(top: string): Tree {
    return new Tree(this.world, this.world.agent, top)
  }

  /** Resolves when every change was reported, and every receiver has the agent's sequence and tree. */
  async inSync(receivers: readonly ReceiverHost[] = this.world.receivers): Promise<void> {
    const faults = () => receivers.flatMap((host) => this.world.shortcomings(host))
    let checkedAt = 0
    const isInSync = () => {
      // Comparing whole trees is expensive: every few milliseconds of a farm's time are often enough.
      if (this.root.state !== 'ready' || this.world.scheduler.now < checkedAt + LOOK_MS) return false
      checkedAt = this.world.scheduler.now
      return faults().length === 0
    }
    await this.until(isInSync, () => faults().join('\n'))
  }

  /** Lets time pass until a condition holds, which is checked after every step. */
  async until(holds: () => boolean, describe: () => string = () => ''): Promise<void> {
    const { world } = this
    const isUp = () => world.agent.daemon !== null
    if (await world.advance(PATIENCE_MS, () => isUp() && holds())) return
    assert.fail(`not within ${PATIENCE_MS / 60_000} minutes: ${describe()}`)
  }

  /** Lets this much time pass; by default, until everything that was started is over. */
  async rest(ms = REST_MS): Promise<void> {
    await this.world.advance(ms)
  }

  get agent(): Agent {
    const { daemon } = this.world.agent
    return daemon instanceof AgentProcess ? daemon : assert.fail('the agent was not started')
  }

  /** The agent's status of the root; undefined before its first scan began. */
  get root() {
    const { daemon } = this.world.agent
    const status = daemon instanceof AgentProcess && !daemon.process.isDead ? daemon.status : null
    return status ?? { state: 'down', reason: null, epoch: '', sequence: -1 }
  }

  receiver(number: number): ReceiverStatus {
    return this.agent.receiver(`web${number + 1}`)
  }

  /** A receiver's own state. */
  receiverState(number: number) {
    const daemon = this.host(number).daemon
    return daemon instanceof ReceiverProcess ? daemon.state : assert.fail('the receiver was not started')
  }

  host(number: number): ReceiverHost {
    return this.world.receivers[number] ?? assert.fail(`there is no receiver ${number}`)
  }

  /** Paths in a receiver's trash, without the batch that holds them. */
  trashOf(number: number): string[] {
    const trash = new Tree(this.world, this.host(number), `${STATE}/trash/${ROOT}`)
    return trash.has('.') ? trash.below().map((path) => path.split('/').slice(1).join('/')) : []
  }

  /** Ends a daemon as a crash would, and leaves it down. */
  kill(host: Host): void {
    host.startAt = NEVER
    this.world.kill(host)
  }

  /** The same in an orderly way. */
  async stop(host: Host): Promise<void> {
    host.startAt = NEVER
    await this.world.stop(host)
    await this.until(() => host.daemon?.process.isDead === true)
  }

  /** Ends it in an orderly way and starts it. */
  async restart(host: Host): Promise<void> {
    await this.stop(host)
    this.start(host)
  }

  start(host: Host): void {
    host.startAt = this.world.scheduler.now
  }

  /** Other settings for the agent, from its next start on. */
  configure(settings: Partial<Settings>): void {
    Object.assign(this.world.settings, settings)
    this.world.workload.noteChange()
    this.world.renewFilters()
  }

  /** The same at once, as after a HUP. */
  async reconfigure(settings: Partial<Settings>): Promise<void> {
    this.configure(settings)
    await this.ask((agent) => agent.reconfigure())
  }

  lineOf(number: number, quality: LineQuality): void {
    this.host(number).caller.quality = quality
  }

  /** Runs `act` in the agent, and waits for its answer. */
  async ask<Answer>(act: (agent: Agent) => Answer | Promise<Answer>): Promise<Answer> {
    const { agent } = this
    const answers: Answer[] = []
    const errors: unknown[] = []
    await this.world.scheduler.run(agent.process, () => {
      Promise.try(act, agent).then(
        (answer) => answers.push(answer),
        (error: unknown) => errors.push(error),
      )
    })
    await this.until(() => answers.length + errors.length > 0)
    if (errors.length > 0) throw errors[0]
    return answers[0] as Answer
  }

  order(request: Partial<ResyncRequest> = {}): Promise<ResyncStatus> {
    return this.ask(({ resyncs }) =>
      resyncs.create({ root: ROOT, receivers: [], paths: [], check: 'metadata', dryRun: false, ...request }),
    )
  }

  lookAt(id: string): ResyncStatus {
    return this.agent.resyncs.get(id) ?? assert.fail(`no resync ${id}`)
  }

  /** Orders a resync and waits until it is over. @returns the report of `web1` */
  async resync(request: Partial<ResyncRequest> = {}) {
    const { id } = await this.order(request)
    await this.until(
      () => this.lookAt(id).state !== 'running',
      () => JSON.stringify(this.lookAt(id)),
    )
    const own = this.lookAt(id).receivers['web1'] ?? assert.fail('web1 took no part')
    assert.equal(own.state, 'done', own.error ?? '')
    return own
  }

  end(): void {
    for (const host of this.world.hosts) {
      host.startAt = NEVER
      this.world.kill(host)
    }
    enter(null)
  }
}

/** `kind path`, sorted. */
export function namesOf({ differences }: { differences: readonly { path: string; kind: string }[] }): string[] {
  return differences.map(({ path, kind }) => `${kind} ${path}`).sort()
}
