/**
 * One root that daemons serve, with its source and targets: what a test changes, waits for and compares.
 *
 * A case gets a site of its own by `Site.on`, which replaces the site before it: the daemons continue to run, its
 * trees, index and ledgers are new. INVARIANT: daemons serve one site at a time, so their answers are about this one.
 */
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { differences } from './compare-trees.ts'
import type { Daemons } from './daemons.ts'
import { until } from './until.ts'
import type { ReceiverRootView, RootView, StatusView } from './views.ts'

export interface SiteOptions {
  /** Merged into the root of agent.yaml. */
  root?: object
  /** Merged into the root of each receiver.yaml. */
  receiverRoot?: object
  /** Called with source and targets before anything starts. */
  prepare?: (source: string, targets: string[]) => void
  /** A source that is there already, and stays. */
  sourceAt?: string
}

const MOST_FAULTS = 20
const MOST_LOGS = 30

let made = 0

export class Site {
  readonly name: string
  readonly place: string
  readonly source: string
  readonly targets: string[]
  readonly #daemons: Daemons

  constructor(daemons: Daemons, name: string, place: string, source: string = join(place, 'source')) {
    this.#daemons = daemons
    this.name = name
    this.place = place
    this.source = source
    this.targets = daemons.names.map((_, number) => join(place, `target${number + 1}`))
  }

  /** A new root in place of the one that the daemons served; daemons that are down are started. */
  static async on(daemons: Daemons, options: SiteOptions = {}): Promise<Site> {
    made += 1
    daemons.logs.length = 0
    const site = new Site(daemons, `site${made}`, join(daemons.place, `place${made}`), options.sourceAt)
    await site.begin(options)
    return site
  }

  /** Resolves when the daemons serve the site; the first sync is not awaited. */
  async begin({ root = {}, receiverRoot = {}, prepare }: SiteOptions): Promise<void> {
    mkdirSync(this.source, { recursive: true })
    prepare?.(this.source, this.targets)
    await this.#daemons.serve({
      name: this.name,
      agent: { path: this.source, ...root },
      receivers: this.targets.map((path) => ({ path, ...receiverRoot })),
    })
  }

  /** The agent's status of the root. */
  async root(): Promise<RootView | undefined> {
    return (await this.#daemons.status()).roots.find(({ name }) => name === this.name)
  }

  /** A receiver's status of the root. */
  async receiverRoot(number: number): Promise<ReceiverRootView | undefined> {
    return (await this.#daemons.receiverRoots(number))[0]
  }

  /** Accepts a halted root, as an operator does. @returns the status of the answer */
  async acceptGuard(): Promise<number> {
    const response = await this.#daemons.admin(`/v1/roots/${this.name}/guard/accept`, { method: 'POST' })
    return response.status
  }

  /** Changes its settings in agent.yaml, for the next start. */
  configure(root: object): void {
    this.#daemons.editAgent((config) => ({
      ...config,
      roots: { ...config.roots, [this.name]: { ...config.roots[this.name], ...root } },
    }))
  }

  /** Changes the root's settings in a receiver.yaml, and others of the receiver, for the next start. */
  configureReceiver(number: number, root: object, settings: object = {}): void {
    this.#daemons.editReceiver(number, (config) => ({
      ...config,
      ...settings,
      roots: { ...config.roots, [this.name]: { ...config.roots[this.name], ...root } },
    }))
  }

  /** The agent's state directory for this root. */
  get agentState(): string {
    return join(this.#daemons.place, 'agent/roots', this.name)
  }

  /** A receiver's state directories: `roots` holds its state of this root, and `trash` its trash. */
  receiverState(number: number, part: 'roots' | 'trash' = 'roots'): string {
    return join(this.#daemons.place, `web${number + 1}/state`, part, this.name)
  }

  /** Paths in a receiver's trash, without the batch that holds them. */
  trashOf(number: number): string[] {
    const paths = readdirSync(this.receiverState(number, 'trash'), { recursive: true, encoding: 'utf8' })
    return paths.map((path) => path.replace(/^[^/]*\/?/, ''))
  }

  /** Resolves when every target equals the source and every receiver is live at the agent's sequence. */
  converged(deadlineMs = 30_000, ignore?: (path: string) => boolean): Promise<void> {
    return this.convergedWith(this.source, deadlineMs, ignore)
  }

  /** The same when the source is reached by another path. */
  async convergedWith(source: string, deadlineMs = 30_000, ignore?: (path: string) => boolean): Promise<void> {
    const options = ignore === undefined ? {} : { ignore }
    const faults = () =>
      this.targets.flatMap((target, number) => {
        try {
          return differences(source, target, options).map((fault) => `web${number + 1} ${fault}`)
        } catch (error) {
          return [`web${number + 1} ${error instanceof Error ? error.message : String(error)}`]
        }
      })
    const describe = async () =>
      [...faults().slice(0, MOST_FAULTS), JSON.stringify(await this.#daemons.status()), ...this.#lastLogs()].join('\n')
    await until(async () => this.#isInSync(await this.#daemons.status()) && faults().length === 0, describe, deadlineMs)
  }

  /** Resolves when every receiver is live at the sequence of an agent that is ready; trees are not compared. */
  async inSync(deadlineMs = 30_000): Promise<void> {
    await until(
      async () => this.#isInSync(await this.#daemons.status()),
      async () => JSON.stringify(await this.#daemons.status()),
      deadlineMs,
    )
  }

  /** Resolves when every receiver is live, whatever the root's state is. */
  async receiversLive(): Promise<void> {
    await until(
      async () => (await this.#daemons.status()).receivers.every(({ state }) => state === 'live'),
      async () => JSON.stringify(await this.#daemons.status()),
    )
  }

  #isInSync({ roots, receivers }: StatusView): boolean {
    const root = roots.find(({ name }) => name === this.name)
    return (
      root?.state === 'ready' &&
      receivers.every(({ state, sequence }) => state === 'live' && sequence === root.sequence)
    )
  }

  #lastLogs(): string[] {
    return this.#daemons.logs.slice(-MOST_LOGS).map((line) => JSON.stringify(line))
  }
}
