/**
 * The agent's metrics for Prometheus; docs/metrics.md says what each means, and a test compares the two.
 *
 * Events are counted as they happen; states are read on demand. INVARIANT: labels are names of roots and receivers, and
 * words of fixed lists; never a path.
 */

import { VERSION } from '@rootferry/host/daemon'
import { Counter, Gauge, Histogram, MetricsPage } from '@rootferry/host/daemon/metrics'
import type { SystemCalls } from '@rootferry/host/machine'
import type { CertificateStatus } from '../door/identity.ts'
import type { RootFeed } from '../feed/root-feed.ts'
import type { RoundReport } from '../feed/round-report.ts'
import type { ResyncStatus } from '../schemas/resyncs.ts'
import type { ReceiverStatus, RootAnswer } from '../schemas/status.ts'
import { PropagationMetric } from './propagation-metric.ts'
import { RoundMetrics } from './round-metrics.ts'

const SCAN_SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60]
const OUTCOMES = ['done', 'failed', 'cancelled'] as const
const LISTENERS = ['stream', 'admin'] as const
const KINDS = ['files', 'directories', 'symlinks'] as const

export interface AgentMetricsParts {
  feeds: ReadonlyMap<string, RootFeed>
  receivers(): ReceiverStatus[]
  certificate(): CertificateStatus | null
  /** Connections that each listener refused because there were too many. */
  dropped(): Record<(typeof LISTENERS)[number], number>
  systemCalls: SystemCalls['kind']
  /** The root's log on NATS; null: none is configured. */
  logOf(feed: RootFeed): RootAnswer['log']
}

export class AgentMetrics {
  readonly page: MetricsPage
  readonly #parts: AgentMetricsParts
  readonly #propagation: PropagationMetric
  readonly #scans: Histogram<'root'>
  readonly #resyncs: Counter<'outcome'>
  readonly #rounds: RoundMetrics
  readonly #ofHooks: ReturnType<typeof hookGauges>
  readonly #ofRoots: ReturnType<typeof rootGauges>
  readonly #ofLogs: ReturnType<typeof logGauges>
  readonly #ofReceivers: ReturnType<typeof receiverGauges>
  readonly #ofDoors: { expiry: Gauge<'fingerprint'>; dropped: Counter<'listener'> }
  /** Resyncs that are not counted yet: the last report of a resync may come more than once. */
  readonly #running = new Set<string>()

  constructor(parts: AgentMetricsParts) {
    this.#parts = parts
    this.page = new MetricsPage({ daemon: 'agent', version: VERSION, systemCalls: parts.systemCalls }, () =>
      this.#look(),
    )
    const registers = [this.page.registry]
    this.#propagation = new PropagationMetric(registers)
    this.#scans = new Histogram({
      name: 'rootferry_scan_duration_seconds',
      help: 'Time that scans took, whole ones and those of a few paths',
      labelNames: ['root'],
      buckets: SCAN_SECONDS,
      registers,
    })
    this.#resyncs = new Counter({
      name: 'rootferry_resync_total',
      help: 'Full resyncs that operators ordered and that are over',
      labelNames: ['outcome'],
      registers,
    })
    for (const outcome of OUTCOMES) this.#resyncs.inc({ outcome }, 0)
    this.#rounds = new RoundMetrics(registers)
    this.#ofHooks = hookGauges(registers)
    this.#ofRoots = rootGauges(registers)
    this.#ofLogs = logGauges(registers)
    this.#ofReceivers = receiverGauges(registers)
    const dropped = new Counter({
      name: 'rootferry_dropped_connections_total',
      help: 'Connections that a listener refused because there were too many',
      labelNames: ['listener'] as const,
      registers,
    })
    const expiry = new Gauge({
      name: 'rootferry_certificate_expiry_timestamp_seconds',
      help: 'When the certificate of the stream listener expires; absent without TLS',
      labelNames: ['fingerprint'] as const,
      registers,
    })
    this.#ofDoors = { expiry, dropped }
  }

  propagated(root: string, seconds: readonly number[]): void {
    this.#propagation.committed(root, seconds)
  }

  round(root: string, report: RoundReport): void {
    this.#rounds.over(root, report)
  }

  scanned(root: string, seconds: number): void {
    this.#scans.observe({ root }, seconds)
  }

  resync({ id, state }: ResyncStatus): void {
    if (state === 'running') this.#running.add(id)
    else if (this.#running.delete(id)) this.#resyncs.inc({ outcome: state })
  }

  #look(): void {
    const looked = [this.#ofHooks, this.#ofRoots, this.#ofLogs, this.#ofReceivers]
    for (const metric of looked.flatMap((metrics) => Object.values(metrics))) metric.reset()
    for (const [name, feed] of this.#parts.feeds) {
      this.#propagation.serves(name)
      this.#lookAtRoot(name, feed)
      this.#lookAtLog(name, this.#parts.logOf(feed))
    }
    for (const receiver of this.#parts.receivers()) this.#lookAtReceiver(receiver)
    const { expiry, dropped } = this.#ofDoors
    dropped.reset()
    for (const listener of LISTENERS) dropped.inc({ listener }, this.#parts.dropped()[listener])
    expiry.reset()
    const certificate = this.#parts.certificate()
    if (certificate === null) return
    const { fingerprint, expiresAt } = certificate
    expiry.set({ fingerprint }, Date.parse(expiresAt) / 1000)
  }

  #lookAtRoot(root: string, { status, hooks, traffic, fleet }: RootFeed): void {
    const {
      sequence,
      entries,
      bytes,
      ready,
      halted,
      problems,
      degraded,
      overflows,
      held,
      heldSeconds,
      overdue,
      waiting,
      ...line
    } = this.#ofRoots
    hooks.forEach(({ runs, failures, isDue }, number) => {
      const labels = { root, hook: String(number) }
      this.#ofHooks.runs.inc(labels, runs)
      this.#ofHooks.failures.inc(labels, failures)
      this.#ofHooks.due.set(labels, Number(isDue))
    })
    this.#rounds.knows(root)
    line.sent.inc({ root }, traffic.sent)
    line.packed.inc({ root }, traffic.packed)
    line.sessions.set({ root }, fleet.sessions.size)
    if (status === null) return
    sequence.set({ root }, status.sequence)
    for (const kind of KINDS) entries.set({ root, kind }, status.totals[kind])
    bytes.set({ root }, status.totals.bytes)
    ready.set({ root }, Number(status.state === 'ready'))
    halted.set({ root }, Number(status.state === 'halted'))
    problems.set({ root }, status.problemCount)
    degraded.set({ root }, Number(status.watch.degraded !== null))
    overflows.inc({ root }, status.overflows)
    const { hold } = status
    held.set({ root }, Number(hold !== null))
    heldSeconds.set({ root }, hold === null ? 0 : Math.max(0, Date.now() - hold.sinceMs) / 1000)
    overdue.set({ root }, Number(hold?.overdue === true))
    waiting.set({ root }, hold?.pending.changes ?? 0)
  }

  #lookAtLog(root: string, log: RootAnswer['log']): void {
    if (log === null) return
    this.#ofLogs.written.set({ root }, Number(log.state === 'publishing'))
    this.#ofLogs.sequence.set({ root }, log.sequence)
    this.#ofLogs.readers.set({ root }, log.readers)
    for (const { name: region, readers, behind } of log.regions) {
      this.#ofLogs.regionReaders.set({ root, region }, readers)
      if (behind !== null) this.#ofLogs.regionBehind.set({ root, region }, behind)
    }
  }

  #lookAtReceiver({ name: receiver, root, state, sequence, durableSequence, lag, ...others }: ReceiverStatus): void {
    const { owed, toCome, lastSeenAt } = others
    this.#rounds.knowsReceiver(root, receiver)
    const of = this.#ofReceivers
    of.connected.set({ receiver, root }, Number(state !== 'offline' && state !== 'expected'))
    of.live.set({ receiver, root }, Number(state === 'live'))
    of.sequence.set({ receiver, root }, sequence)
    of.durableSequence.set({ receiver, root }, durableSequence)
    of.lagSeconds.set({ receiver, root }, lag.seconds)
    of.lagSequences.set({ receiver, root }, lag.sequences)
    of.owed.set({ receiver, root }, owed.count)
    of.toCome.set({ receiver, root }, toCome.bytes)
    if (lastSeenAt !== null) of.lastSeen.set({ receiver, root }, Date.parse(lastSeenAt) / 1000)
  }
}

type Registers = MetricsPage['registry'][]

function hookGauges(registers: Registers) {
  const labelNames = ['root', 'hook'] as const
  const named = (name: string, help: string) => ({ name: `rootferry_hook_${name}`, help, labelNames, registers })
  return {
    runs: new Counter(named('runs_total', 'Runs of the hook that are over')),
    failures: new Counter(named('failures_total', 'Runs of the hook that did not end well')),
    due: new Gauge(named('due', '1 while a run of the hook is due or in progress')),
  }
}

function logGauges(registers: Registers) {
  const labelNames = ['root'] as const
  const named = (name: string, help: string) => ({ name: `rootferry_log_${name}`, help, labelNames, registers })
  const ofRegion = (name: string, help: string) => ({
    ...{ name: `rootferry_log_region_${name}`, help, registers },
    labelNames: ['root', 'region'] as const,
  })
  return {
    written: new Gauge(named('written', '1 while the log on NATS is written')),
    sequence: new Gauge(named('sequence', 'How far the log is')),
    readers: new Gauge(named('readers', 'Receivers that read the log')),
    regionReaders: new Gauge(ofRegion('readers', 'Receivers that read the log in the region')),
    regionBehind: new Gauge(ofRegion('behind_messages', 'Messages of the log that the mirror of the region lacks')),
  }
}

function rootGauges(registers: Registers) {
  const labelNames = ['root'] as const
  const gauge = (name: string, help: string) => new Gauge({ name: `rootferry_${name}`, help, labelNames, registers })
  const counter = (name: string, help: string) =>
    new Counter({ name: `rootferry_${name}`, help, labelNames, registers })
  return {
    sequence: gauge('root_sequence', 'The highest sequence that was given out'),
    entries: new Gauge({
      name: 'rootferry_root_entries',
      help: 'Entries of the index',
      labelNames: ['root', 'kind'] as const,
      registers,
    }),
    bytes: gauge('root_bytes', 'Content of all files of the index'),
    ready: gauge('root_ready', '1 when the index is built and the root is served'),
    halted: gauge('root_halted', '1 when a guard has stopped the root'),
    held: gauge('root_held', '1 while nothing is sent before a release'),
    heldSeconds: gauge('root_held_seconds', 'Age of the present hold, 0 where there is none'),
    overdue: gauge('root_hold_overdue', '1 when the present hold has lasted longer than it was to last'),
    waiting: gauge('root_hold_changes', 'Changes that wait for the release'),
    problems: gauge('root_problems', 'Paths that cannot be synchronized'),
    degraded: gauge('watch_degraded', '1 when the root cannot be watched as a whole and is scanned often instead'),
    overflows: counter('watch_overflow_total', 'Times that hints may have been lost and the whole root was scanned'),
    sessions: gauge('sessions', 'Connections of receivers'),
    sent: counter('sent_bytes_total', 'Bytes sent to receivers, before TLS'),
    packed: counter('packed_bytes_total', 'Bytes of segments packed; does not grow with the number of receivers'),
  }
}

function receiverGauges(registers: Registers) {
  const labelNames = ['receiver', 'root'] as const
  const gauge = (name: string, help: string) =>
    new Gauge({ name: `rootferry_receiver_${name}`, help, labelNames, registers })
  return {
    connected: gauge('connected', '1 when the receiver is connected'),
    live: gauge('live', '1 when the receiver has caught up and keeps up'),
    sequence: gauge('sequence', 'The sequence that the receiver has committed'),
    durableSequence: gauge('durable_sequence', 'The sequence that the receiver has synced to disk'),
    lagSeconds: gauge('lag_seconds', 'Age of the oldest change that the receiver has not committed'),
    lagSequences: gauge('lag_sequences', 'Sequences that the receiver has not committed'),
    owed: gauge('owed_paths', 'Paths that the receiver cannot make right'),
    toCome: gauge('pending_bytes', 'Content that the receiver has not committed'),
    lastSeen: gauge('last_seen_timestamp_seconds', 'When the receiver was last heard of; absent when it never was'),
  }
}
