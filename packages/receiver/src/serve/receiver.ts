/**
 * The receiver: a disk thread and a link for every root, and the health listener. Starts and stops them in order, and
 * changes them when the configuration was changed.
 */
import { isDeepStrictEqual } from 'node:util'
import { type Logger, listening, VERSION } from '@rootferry/host/daemon'
import { backoffMs, chooseSystemCalls, errorMessage, PORTABLE_CALLS, RESTARTS } from '@rootferry/host/machine'
import { assertBounds, BOUNDS } from '../bounds.ts'
import type { ReceiverConfig, ReceiverRoot } from '../config/receiver-yaml.ts'
import { diskOptions } from './disk-options.ts'
import { ControlSecret } from './http/control-secret.ts'
import { HealthServer } from './http/health-server.ts'
import { type CommittedEvent, ReceiverMetrics } from './http/metrics.ts'
import { notReady } from './http/readiness.ts'
import { ReadyFile } from './http/ready-file.ts'
import { Root } from './root.ts'
import type { RootState } from './root-state.ts'

/** How often readiness is looked at besides changes. */
const READY_CHECK_MS = 1_000

/** What a reload cannot change, and its name in receiver.yaml. */
const FIXED = [
  ['name', 'name'],
  ['stateDir', 'stateDir'],
  ['health', 'health.listen'],
  ['probe', 'health.probe.listen'],
  ['readyFile', 'health.readyFile'],
  ['waitForAgentSeconds', 'health.waitForAgentSeconds'],
  ['inDoubtSeconds', 'health.inDoubtSeconds'],
  ['systemCalls', 'systemCalls'],
] as const

export class Receiver {
  #config: ReceiverConfig
  readonly #log: Logger
  readonly #umask: number
  readonly #roots = new Map<string, Root>()
  readonly #health: HealthServer
  readonly #metrics: ReceiverMetrics
  readonly #secret = new ControlSecret()
  /** Roots that could not be opened at a reload: they are tried again, less and less often. */
  readonly #refused = new Map<string, { root: ReceiverRoot; attempt: number }>()
  #reloading: Promise<void> = Promise.resolve()
  readonly #readyFile: ReadyFile
  #readyCheck: NodeJS.Timeout | null = null
  #isClosing = false

  /** @param umask what commands after commits are started with */
  constructor(config: ReceiverConfig, log: Logger, umask: number) {
    assertBounds(BOUNDS)
    this.#config = config
    this.#log = log
    this.#umask = umask
    const roots = () => [...this.#roots.values()].map(({ state }) => state)
    const staleAfterSeconds = () => this.#config.staleAfterSeconds
    this.#readyFile = new ReadyFile(config.readyFile, log)
    const { calls, fault } = chooseSystemCalls(config.systemCalls)
    if (fault !== null) log.warn({ reason: fault }, PORTABLE_CALLS)
    const reason = (root: RootState) => notReady(root, staleAfterSeconds(), performance.now())
    this.#metrics = new ReceiverMetrics(roots, reason, calls.kind)
    this.#health = new HealthServer({
      version: VERSION,
      name: config.name,
      log,
      staleAfterSeconds,
      roots,
      secret: this.#secret,
      accept: (root) => this.#roots.get(root)?.accept(),
      metrics: () => this.#metrics.page.answer(),
    })
  }

  /** Reloads wait for its end. @throws Failure when something the configuration asks for cannot be had */
  start(): Promise<void> {
    const started = this.#start()
    this.#reloading = started.catch(toldToCaller)
    return started
  }

  async #start(): Promise<void> {
    for (const root of this.#config.roots) this.#roots.set(root.name, this.#threadOf(root))
    const health = await listening('health.listen', this.#config.health, this.#health.listen(this.#config.health))
    for (const root of this.#roots.values()) await root.start()
    // Not before the roots are this process's own: the file may be that of a receiver that serves them.
    this.#readyFile.show(false)
    const { probe } = this.#config
    const probes =
      probe === null
        ? {}
        : { probe: await listening('health.probe.listen', probe, this.#health.listenForProbes(probe)) }
    this.#secret.write(this.#config.stateDir, health)
    this.#readyCheck = setInterval(() => this.#showReady(), READY_CHECK_MS)
    this.#log.info({ health, ...probes, roots: [...this.#roots.keys()], version: VERSION }, 'receiver is up')
  }

  /** Takes over what can change without a restart, and says what cannot. One after the other; never rejects. */
  reload(config: ReceiverConfig): Promise<void> {
    this.#reloading = this.#reloading.then(() => this.#reload(config))
    return this.#reloading
  }

  /** One line, for people. */
  get summary(): string {
    const reasons = this.#health.reasons()
    return reasons.length === 0 ? `ready: ${[...this.#roots.keys()].join(', ')}` : `not ready: ${reasons.join('; ')}`
  }

  /** A reload that is in progress opens no more roots: all end at the same time, whatever their hooks do. */
  async close(): Promise<void> {
    this.#isClosing = true
    if (this.#readyCheck !== null) clearInterval(this.#readyCheck)
    this.#readyFile.show(false)
    this.#refused.clear()
    const closeAll = () => Promise.all([...this.#roots.values()].map((root) => root.close()))
    await Promise.all([closeAll(), this.#reloading])
    // One that the reload was about to open.
    await closeAll()
    this.#refused.clear()
    await this.#health.close()
    this.#log.info('receiver stopped')
  }

  async #reload(config: ReceiverConfig): Promise<void> {
    const before = this.#config
    const refused = [...this.#refused.values()]
    for (const [key, setting] of FIXED) {
      if (!isDeepStrictEqual(before[key], config[key]))
        this.#log.warn({ setting }, 'a change of this setting takes a restart')
    }
    this.#config = { ...config, ...Object.fromEntries(FIXED.map(([key]) => [key, before[key]])) }
    const isOtherWay = (before.address.nats == null) !== (config.address.nats == null)
    if (!isOtherWay && !isDeepStrictEqual(before.address, config.address))
      for (const root of this.#roots.values()) root.renew(config.address)
    for (const root of before.roots) {
      const now = config.roots.find((other) => other.name === root.name)
      if (!isDeepStrictEqual(root, now) || isOtherWay) await this.#replace(root, now ?? null)
    }
    for (const root of config.roots) if (!this.#roots.has(root.name)) await this.#add(root, null)
    for (const earlier of refused) await this.#retry(earlier)
    this.#log.info('configuration was read again')
  }

  /** Time alone can make a node unready: staleAfterSeconds. Before the start is over nothing is shown. */
  #showReady(): void {
    if (this.#readyCheck !== null && !this.#isClosing)
      this.#readyFile.show(this.#roots.size > 0 && this.#health.reasons().length === 0)
  }

  /** A root with other settings is closed in order and opened anew, which costs it a reconnection. */
  async #replace(before: ReceiverRoot, now: ReceiverRoot | null): Promise<void> {
    const { name } = before
    const state = this.#roots.get(name)?.state ?? null
    await this.#roots.get(name)?.close()
    this.#roots.delete(name)
    this.#refused.delete(name)
    if (now === null) return this.#log.info({ root: name }, 'root was taken out of service')
    if (await this.#open(now, state)) return
    if (!(await this.#open(before, state))) this.#retryLater(now, 0)
  }

  async #add(root: ReceiverRoot, before: RootState | null): Promise<void> {
    if (!(await this.#open(root, before))) this.#retryLater(root, 0)
  }

  /** @returns whether it could be opened; one that could not is in status with the reason, and not ready. When all ends, none is. */
  async #open(root: ReceiverRoot, before: RootState | null): Promise<boolean> {
    if (this.#isClosing) return true
    const { name } = root
    const opened = this.#threadOf(root)
    let isOpen = true
    try {
      await opened.start()
      if (before !== null) opened.succeed(before)
      this.#log.info({ root: name }, 'root was taken into service')
    } catch (error) {
      isOpen = false
      this.#log.error({ root: name, error: errorMessage(error) }, 'the root cannot be opened with these settings')
    }
    // One that was refused earlier.
    await this.#roots.get(name)?.close()
    this.#roots.set(name, opened)
    return isOpen
  }

  #retryLater(root: ReceiverRoot, attempt: number): void {
    const refused = { root, attempt }
    this.#refused.set(root.name, refused)
    const retry = () => {
      this.#reloading = this.#reloading.then(() => this.#retry(refused))
    }
    setTimeout(retry, backoffMs(attempt, RESTARTS)).unref()
  }

  /** Unless another configuration has come, or another attempt. */
  async #retry(refused: { root: ReceiverRoot; attempt: number }): Promise<void> {
    const { root, attempt } = refused
    if (this.#refused.get(root.name) !== refused) return
    this.#refused.delete(root.name)
    if (!(await this.#open(root, null))) this.#retryLater(root, attempt + 1)
  }

  #threadOf(root: ReceiverRoot): Root {
    const { name, hooks } = root
    const { address } = this.#config
    const options = { ...diskOptions(root, this.#config), namesPaths: this.#log.isLevelEnabled('debug') }
    const committed = (commit: CommittedEvent) => this.#metrics.committed(name, commit)
    const waitForAgentMs = this.#config.waitForAgentSeconds * 1_000
    const changed = () => this.#showReady()
    const inDoubtMs = this.#config.inDoubtSeconds * 1_000
    const parts = { hooks, umask: this.#umask, log: this.#log, committed, waitForAgentMs, inDoubtMs, changed }
    return new Root(options, { root: name, address, software: VERSION }, parts)
  }
}

/** Whoever started the receiver has got the error. */
function toldToCaller(): void {
  return
}
