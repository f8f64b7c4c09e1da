/**
 * A rig whose states can be set back, to kill a daemon again and again on the same way.
 *
 * The source went from one tree to another while everything was recorded; `rewind` puts the daemons back before the
 * change. The remains of a crash are read from copies, so that looking at them changes nothing.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Daemon } from '../../packages/host/src/daemon/daemon-process.ts'
import { differences } from '../support/compare-trees.ts'
import { diskPlace } from '../support/disk-place.ts'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'
import { type CrashPoint, crashPoints, stepName } from './durable-steps.ts'
import { killStopped, readCalls, stoppedAt, stoppingRunner, tracingRunner } from './strace.ts'
import { makeAfter, makeBefore } from './two-trees.ts'

const DEADLINE_MS = 60_000

export interface Record {
  epoch: string | null
  sequence: number
  hasIntent: boolean
}

export class CrashBench implements AsyncDisposable {
  readonly rig: Rig
  readonly target: string
  readonly receiverState: string
  readonly agentState: string
  /** The target before the change. */
  readonly before: string
  /** The receiver's sequence before the change, and after it. */
  readonly sequences: { before: number; after: number }
  readonly #saved: string

  private constructor(rig: Rig, saved: string, sequences: { before: number; after: number }) {
    this.rig = rig
    this.target = rig.targets[0] ?? ''
    this.receiverState = join(rig.place, 'web1/state')
    this.agentState = join(rig.place, 'agent')
    this.#saved = saved
    this.before = join(saved, 'target')
    this.sequences = sequences
  }

  /**
   * @param keepsAgent whether the agent stays up, with the change recorded; otherwise it is down, and has yet to find
   * the change
   * @param seed of the test: with an even one both daemons call libc, with an odd one they go through Node only
   */
  static async start(keepsAgent: boolean, seed: number): Promise<CrashBench> {
    const systemCalls = seed % 2 === 0 ? 'libc' : 'portable'
    const rig = await Rig.start({ receivers: 1, place: diskPlace(), prepare: makeBefore, systemCalls })
    const [receiver, agent] = [rig.receivers[0], rig.agent]
    assert.ok(receiver && agent)
    await rig.converged()
    const before = await durable(rig)
    await receiver.stop()
    await agent.stop()
    const saved = mkdtempSync(join(rig.place, 'saved-'))
    copyTree(join(rig.place, 'web1/state'), join(saved, 'receiver'))
    copyTree(join(rig.place, 'agent'), join(saved, 'agent'))
    copyTree(rig.targets[0] ?? '', join(saved, 'target'))
    makeAfter(rig.source)
    if (!keepsAgent) return new CrashBench(rig, saved, { before, after: Number.NaN })
    await rig.startAgent()
    await rig.startReceiver(0)
    await rig.converged()
    const after = await durable(rig)
    await rig.killReceiver(0)
    return new CrashBench(rig, saved, { before, after })
  }

  /** The receiver and its target as they were before the change. */
  rewindReceiver(): void {
    replaceTree(join(this.#saved, 'receiver'), this.receiverState)
    replaceTree(this.before, this.target)
  }

  rewindAgent(): void {
    replaceTree(join(this.#saved, 'agent'), this.agentState)
  }

  /** The content of the receiver's ledger, read from a copy. */
  ledger(): Record | null {
    return this.#read(join(this.receiverState, 'roots/site'), 'ledger.sqlite', (database) => {
      const row = database.prepare('SELECT epoch, sequence FROM state').get()
      const intents = database.prepare('SELECT count(*) AS n FROM intent').get()
      return {
        epoch: typeof row?.['epoch'] === 'string' ? row['epoch'] : null,
        sequence: Number(row?.['sequence'] ?? 0),
        hasIntent: Number(intents?.['n']) > 0,
      }
    })
  }

  /** Epoch and head of the agent's index, read from a copy. */
  index(): Record | null {
    return this.#read(join(this.agentState, 'roots/site'), 'index.db', (database) => {
      const meta = (name: string) => database.prepare('SELECT value FROM meta WHERE name = ?').get(name)?.['value']
      const epoch = meta('epoch')
      return { epoch: typeof epoch === 'string' ? epoch : null, sequence: Number(meta('head') ?? 0), hasIntent: false }
    })
  }

  /** Files of the target that hold neither the old nor the new version. */
  torn(): string[] {
    const known = new Set([...digests(this.before).values(), ...digests(this.rig.source).values()])
    return [...digests(this.target)].filter(([, digest]) => !known.has(digest)).map(([path]) => path)
  }

  differences(from: string): string[] {
    return differences(from, this.target, { ignore: (path) => path.startsWith('.rootferry') })
  }

  /** Staged files that are not needed any more. */
  leftovers(): string[] {
    const staging = join(this.receiverState, 'roots/site/staging')
    return existsSync(staging) ? readdirSync(staging) : []
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rig[Symbol.asyncDispose]()
  }

  /** null when the tables are not there yet. */
  #read(directory: string, file: string, look: (database: DatabaseSync) => Record): Record | null {
    if (!existsSync(join(directory, file))) return null
    const copy = mkdtempSync(join(this.rig.place, 'look-'))
    try {
      for (const suffix of ['', '-wal', '-journal'])
        if (existsSync(join(directory, file + suffix)))
          cpSync(join(directory, file + suffix), join(copy, file + suffix))
      using database = new DatabaseSync(join(copy, file))
      const tables = database.prepare("SELECT count(*) AS n FROM sqlite_master WHERE type = 'table'").get()
      return Number(tables?.['n']) === 0 ? null : look(database)
    } finally {
      rmSync(copy, { recursive: true })
    }
  }
}

/** Changes of the release in `releaseRun`. */
const RELEASED_FILES = 5

/** Called again and again during a run. @returns false when it is over */
export type Tick = () => Promise<boolean>

/** One life of a daemon under `runner`, until it ends by itself or `tick` returns false. */
export type Run = (rig: Rig, runner: string, tick: Tick) => Promise<void>

/** Every step of an undisturbed run. */
export async function stepsOfRun(rig: Rig, run: Run): Promise<CrashPoint[]> {
  const log = join(rig.place, 'calls.log')
  await run(rig, tracingRunner(join(rig.place, 'runner'), log), async () => true)
  return crashPoints(readCalls(log))
}

/**
 * Kills the daemon right before a step.
 * @returns the step that it was killed at, or null when the run ended without reaching the step
 */
export async function killAt(
  rig: Rig,
  point: CrashPoint,
  run: Run,
  victim: () => Daemon | null | undefined,
): Promise<string | null> {
  const log = join(rig.place, 'calls.log')
  let hit: string | null = null
  await run(rig, stoppingRunner(join(rig.place, 'runner'), log, point.aim), async () => {
    const call = stoppedAt(log, point.aim)
    const daemon = victim()
    if (call === null || !daemon) return true
    await killStopped(daemon)
    hit = stepName(call) ?? `${call.syscall}(${call.parameters}`
    return false
  })
  return hit
}

/** A receiver from its start until everything is durable, and to an orderly end. */
export async function receiverRun(rig: Rig, runner: string, tick: Tick): Promise<void> {
  const receiver = rig.launchReceiver(0, runner)
  const isLive = saysOnce(receiver, 'root is live')
  await lived(receiver, tick, async () => isLive() && (await settled(rig)))
}

/** The same for an agent; the receiver starts as soon as the agent is up, and is stopped at the end. */
export async function agentRun(rig: Rig, runner: string, tick: Tick): Promise<void> {
  const agent = rig.launchAgent(runner)
  let isLive = () => false
  let isOver = false
  agent.onLine(({ msg }) => {
    // The last log lines may be read after the daemon is dead.
    if (msg === 'agent is up' && !isOver) isLive = saysOnce(rig.launchReceiver(0), 'root is live')
  })
  try {
    await lived(agent, tick, async () => isLive() && (await settled(rig)))
  } finally {
    isOver = true
    await rig.killReceiver(0)
  }
}

/** An agent without receivers. */
export async function lonelyRun(rig: Rig, runner: string, tick: Tick): Promise<void> {
  const agent = rig.launchAgent(runner)
  const isUp = saysOnce(agent, 'agent is up')
  await lived(agent, tick, async () => isUp() && (await rig.status()).roots[0]?.state === 'ready')
}

/** Whether the daemon has logged the message since this call. */
function saysOnce(daemon: Daemon, message: string): () => boolean {
  let isSaid = false
  daemon.onLine(({ msg }) => {
    isSaid ||= msg === message
  })
  return () => isSaid
}

/** Lets the daemon live until `done` holds, then stops it, and returns when it has ended or `tick` returns false. */
async function lived(daemon: Daemon, tick: Tick, done: () => Promise<boolean>): Promise<void> {
  let ended: string | null = null
  void daemon.ended.then((how) => {
    ended = how
  })
  let isStopping = false
  let isOver = false
  await until(
    async () => {
      isOver ||= !(await tick())
      if (isOver || ended !== null) return true
      if (!isStopping && (await done())) {
        isStopping = true
        void daemon.stop()
      }
      return false
    },
    () => `${daemon.name} neither settles nor comes to the step`,
    DEADLINE_MS,
  )
  assert.ok(isStopping || isOver, ended ?? '')
}

/** Whether everything is visible and durable. While the agent is down or busy the answer is no. */
async function settled(rig: Rig): Promise<boolean> {
  try {
    const { roots, receivers } = await rig.status()
    const [root, receiver] = [roots[0], receivers[0]]
    if (root?.state !== 'ready' || receiver?.state !== 'live') return false
    return receiver.sequence === root.sequence && receiver.durableSequence === root.sequence
  } catch (error) {
    if (error instanceof TypeError) return false
    throw error
  }
}

/** @returns the sequence up to which everything is durable */
async function durable(rig: Rig): Promise<number> {
  await until(
    () => settled(rig),
    async () => JSON.stringify(await rig.status()),
  )
  return (await rig.status()).roots[0]?.sequence ?? Number.NaN
}

/** Digests of contents, by path. */
function digests(root: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const path of readdirSync(root, { recursive: true }).map(String)) {
    if (path.startsWith('.rootferry') || !lstatSync(join(root, path)).isFile()) continue
    found.set(
      path,
      createHash('sha256')
        .update(readFileSync(join(root, path)))
        .digest('hex'),
    )
  }
  return found
}

function copyTree(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  execFileSync('cp', ['-a', `${from}/.`, `${to}/`])
}

/** Replaces the content; the directory itself stays the same one. */
export function replaceTree(from: string, to: string): void {
  emptyTree(to)
  copyTree(from, to)
}

export function emptyTree(path: string): void {
  for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true })
}

/**
 * An agent that holds its root, and releases what changed meanwhile, from its start to an orderly end. The receiver
 * starts as soon as the agent is up, and is stopped at the end.
 */
export async function releaseRun(rig: Rig, runner: string, tick: Tick): Promise<void> {
  const agent = rig.launchAgent(runner)
  let isLive = () => false
  let isOver = false
  let ordered: 'nothing' | 'hold' | 'everything' = 'nothing'
  agent.onLine(({ msg }) => {
    if (msg === 'agent is up' && !isOver) isLive = saysOnce(rig.launchReceiver(0), 'root is live')
  })
  const order = async () => {
    if (ordered !== 'nothing') return
    ordered = 'hold'
    await ask(rig, 'hold', {})
    for (let file = 0; file < RELEASED_FILES; file += 1) writeFileSync(join(rig.source, `released${file}`), 'as one')
    await ask(rig, 'release', { waitSeconds: 5 })
    ordered = 'everything'
  }
  try {
    await lived(agent, tick, async () => {
      if (isLive() && ordered === 'nothing' && (await settled(rig))) void order()
      return ordered === 'everything' && (await settled(rig))
    })
  } finally {
    isOver = true
    await rig.killReceiver(0)
  }
}

/** An order to the agent, which may be killed before it answers. */
export async function ask(rig: Rig, verb: 'hold' | 'release', body: object): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const path = `/v1/roots/${rig.site.name}/${verb}`
  await rig.admin(path, { method: 'POST', headers, body: JSON.stringify(body) }).catch((error: unknown) => {
    if (!(error instanceof TypeError)) throw error
  })
}
