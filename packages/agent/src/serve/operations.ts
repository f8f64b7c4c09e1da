/**
 * What operators see and order: status, status events, metrics and resyncs of all feeds, behind the admin API.
 *
 * Reads the feeds and never changes them, except for a guard that an operator accepts, and for holds.
 */

import { randomBytes } from 'node:crypto'
import { type HookStatus, HttpProblem, type ListenAddress, type Logger, VERSION } from '@rootferry/host/daemon'
import type { SystemCalls } from '@rootferry/host/machine'
import type { AgentConfig } from '../config/agent-yaml.ts'
import type { RootRequests, RootStatus } from '../root-messages.ts'
import type { CertificateStatus } from './door/identity.ts'
import type { KnownTokens } from './door/known-tokens.ts'
import type { Nodes } from './door/nodes.ts'
import { findToken, grants, type StoredToken } from './door/tokens.ts'
import { isLog } from './feed/log-readers.ts'
import type { FeedEvents, RootFeed } from './feed/root-feed.ts'
import { outcomeOf } from './feed/round-report.ts'
import { History } from './history.ts'
import { Holds, holdAnswer, orUnavailable } from './holds.ts'
import { AdminAccess } from './http/admin-secret.ts'
import { AdminServer } from './http/admin-server.ts'
import { EventLog } from './http/event-log.ts'
import { AgentMetrics } from './http/metrics.ts'
import { PageSessions } from './http/page-sessions.ts'
import { Progress } from './http/progress.ts'
import { StatusEvents } from './http/status-events.ts'
import type { Resyncs } from './resync/resyncs.ts'
import { roundAnswer } from './round-answer.ts'
import type { ChangesAnswer } from './schemas/changes.ts'
import type { ResyncStatus } from './schemas/resyncs.ts'
import type { ReceiverStatus, RootAnswer } from './schemas/status.ts'
import { tokenDesk } from './token-desk.ts'

/** How often silent receivers are looked at, because time alone makes a receiver late. */
const SWEEP_MS = 1_000

export interface OperationsParts {
  log: Logger
  config(): AgentConfig
  listen: ListenAddress
  feeds: ReadonlyMap<string, RootFeed>
  tokens: KnownTokens
  nodes: Nodes
  resyncs: Resyncs
  /** The certificate of the stream listener; null when that speaks plain text. */
  certificate(): CertificateStatus | null
  /** Connections that the stream listener refused because there were too many. */
  dropped(): number
  systemCalls: SystemCalls['kind']
  /** The root's log on NATS; null: none is configured. */
  logOf(feed: RootFeed): RootAnswer['log']
}

export class Operations {
  readonly #parts: OperationsParts
  readonly #events = new EventLog(randomBytes(6).toString('hex'))
  readonly #statusEvents = new StatusEvents(this.#events)
  readonly #history = new History()
  readonly #progress = new Progress(this.#events, this.#history)
  readonly #access = new AdminAccess(new Date())
  readonly #metrics: AgentMetrics
  readonly #server: AdminServer
  #sweep: NodeJS.Timeout | null = null

  constructor(parts: OperationsParts) {
    this.#parts = parts
    const { log, listen, resyncs, certificate, systemCalls } = parts
    this.#server = new AdminServer({
      version: VERSION,
      log,
      ownHost: listen.host,
      authenticate: (token) => findToken(this.#tokens, token),
      sessions: new PageSessions({
        inForce: (sha256) => this.#tokens.find((token) => token.sha256 === sha256) ?? null,
        now: () => performance.now(),
      }),
      ...tokenDesk(parts),
      certificate,
      roots: () => this.#roots(),
      receivers: () => this.#receivers(),
      readyReceivers: (root) => parts.feeds.get(root)?.fleet.ready ?? null,
      acceptGuard: (root) => this.#acceptGuard(root),
      changes: (root, order) => this.#changes(root, order),
      holds: new Holds({
        feeds: parts.feeds,
        // One that never came is not waited for.
        receiversOf: (root) =>
          this.#receivers().flatMap((one) => (one.root === root && one.state !== 'expected' ? [one.name] : [])),
      }),
      resyncs,
      events: this.#events,
      history: this.#history,
      metrics: () => this.#metrics.page.answer(),
    })
    this.#metrics = new AgentMetrics({
      feeds: parts.feeds,
      receivers: () => this.#receivers(),
      certificate,
      dropped: () => ({ stream: parts.dropped(), admin: this.#server.dropped }),
      systemCalls,
      logOf: parts.logOf,
    })
  }

  /** @returns the address it listens on. @throws the system error (EADDRINUSE…) */
  async open(): Promise<string> {
    const url = await this.#server.listen(this.#parts.listen)
    this.#access.publish(this.#parts.config().stateDir, url)
    this.#sweep = setInterval(() => this.#look(), SWEEP_MS)
    return url
  }

  async close(): Promise<void> {
    if (this.#sweep !== null) clearInterval(this.#sweep)
    await this.#server.close()
  }

  /** One line, for people. */
  get summary(): string {
    const roots = this.#roots()
    const stopped = roots.flatMap(({ name, state }) => (state === 'ready' ? [] : [`${name} is ${state}`]))
    const receivers = this.#receivers()
    const live = receivers.filter(({ state }) => state === 'live').length
    const ready =
      stopped.length === 0 ? `${roots.length === 1 ? '1 root' : `${roots.length} roots`} ready` : stopped.join(', ')
    return `${ready}; ${live} of ${receivers.length} receivers live`
  }

  resyncChanged(status: ResyncStatus): void {
    this.#statusEvents.resync(status, performance.now())
    this.#metrics.resync(status)
  }

  /** The events that the feed of that root calls. */
  eventsOf(root: string): FeedEvents {
    return {
      receiver: (name) => {
        // The log of a root is none of its receivers.
        if (isLog(name)) return
        const status = this.#parts.feeds.get(root)?.fleet.statusOf(name, new Date())
        if (status !== undefined) this.#statusEvents.receiver(status)
      },
      root: (status) => this.#statusEvents.root(this.#answerOf(status, this.#parts.feeds.get(root))),
      resync: (job) => this.#parts.resyncs.jobChanged(job),
      scanned: (tookMs) => this.#metrics.scanned(root, tookMs / 1000),
      round: (report) => {
        // Where every change is a round, one that all have shown is none of the news.
        if (!report.isStep || outcomeOf(report) !== 'all') this.#statusEvents.round(roundAnswer(root, report))
        if (report.ended !== null) this.#metrics.round(root, report)
      },
      committed: (commit) => {
        if (isLog(commit.receiver)) return
        this.#statusEvents.changeset(root, commit)
        this.#metrics.propagated(root, commit.seconds)
        this.#history.propagated(root, commit.seconds, Date.now())
      },
    }
  }

  #look(): void {
    const receivers = this.#receivers()
    for (const status of receivers) this.#statusEvents.receiver(status)
    this.#statusEvents.look(performance.now())
    this.#progress.look(this.#roots(), receivers, Date.now())
  }

  /** Those in the file, and the one of the command line. */
  get #tokens(): readonly StoredToken[] {
    return [...this.#parts.tokens.all, this.#access.stored]
  }

  #roots(): RootAnswer[] {
    return [...this.#parts.feeds.values()].flatMap((feed) =>
      feed.status === null ? [] : [this.#answerOf(feed.status, feed)],
    )
  }

  #answerOf(status: RootStatus, feed: RootFeed | undefined): RootAnswer {
    return rootAnswer(status, feed?.hooks ?? [], feed === undefined ? null : this.#parts.logOf(feed))
  }

  /** Every receiver with a token, for every root that the token grants, whether or not the receiver ever connected. */
  #receivers(): ReceiverStatus[] {
    const now = new Date()
    const { nodes, feeds } = this.#parts
    return nodes.receivers.flatMap(({ name: receiver, token }) =>
      [...feeds.values()].filter(({ name }) => grants(token, name)).map((feed) => feed.fleet.statusOf(receiver, now)),
    )
  }

  async #changes(root: string, order: Omit<RootRequests['recent']['takes'], 'to'>): Promise<ChangesAnswer> {
    const feed = this.#parts.feeds.get(root)
    if (feed === undefined) throw new HttpProblem('unknown-root', `There is no root ${JSON.stringify(root)}.`)
    const receivers = this.#receivers().filter((receiver) => receiver.root === root)
    const answer = await orUnavailable(root, feed.changes(order))
    return { ...answer, receivers: receivers.map(({ name, sequence }) => ({ name, sequence })) }
  }

  async #acceptGuard(root: string): Promise<'accepted' | 'not-halted'> {
    const feed = this.#parts.feeds.get(root)
    if (feed === undefined) throw new HttpProblem('unknown-root', `There is no root ${JSON.stringify(root)}.`)
    const answer = await feed.acceptGuard()
    if (answer !== 'root-missing') return answer
    throw new HttpProblem('root-unavailable', `The directory of ${root} is missing: the root cannot continue.`)
  }
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}

/** A root's status in the form of the API. */
function rootAnswer(status: RootStatus, hooks: readonly HookStatus[], log: RootAnswer['log']): RootAnswer {
  const { name, epoch, sequence, state, reason, totals, watch, problems, problemCount, ...scans } = status
  const hold = holdAnswer(status.hold)
  return {
    name,
    epoch,
    sequence,
    state,
    reason,
    entries: totals,
    watch,
    problems,
    problemCount,
    scanningSince: timeOf(scans.scanningSinceMs),
    oldestHintAt: timeOf(scans.oldestHintMs),
    hold,
    hooks: [...hooks],
    log,
  }
}
