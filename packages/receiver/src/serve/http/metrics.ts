/**
 * The receiver's metrics for Prometheus; docs/metrics.md says what each means, and a test compares the two.
 *
 * Events are counted as they happen; states are read on demand. INVARIANT: labels are names of roots, and words of
 * fixed lists; never a path.
 */

import { VERSION } from '@rootferry/host/daemon'
import { Counter, Gauge, Histogram, MetricsPage } from '@rootferry/host/daemon/metrics'
import type { SystemCalls } from '@rootferry/host/machine'
import type { DiskEvent } from '../../root-messages.ts'
import { problemCount, type RootState } from '../root-state.ts'
import type { NotReady } from './readiness.ts'

const COMMIT_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30]
const KINDS = ['missing', 'changed', 'extraneous'] as const

export type CommittedEvent = Extract<DiskEvent, { type: 'committed' }>

export class ReceiverMetrics {
  readonly page: MetricsPage
  readonly #roots: () => readonly RootState[]
  readonly #notReady: (root: RootState) => NotReady | null
  readonly #commits: Histogram<'root'>
  readonly #bursts: Histogram<'root'>
  readonly #changesets: Counter<'root'>
  readonly #bytes: Counter<'root'>
  readonly #differences: Gauge<'root' | 'kind'>
  readonly #hooks: ReturnType<typeof hookGauges>
  readonly #ready: Gauge<'root' | 'reason'>
  readonly #gauges: ReturnType<typeof rootGauges>

  /** @param notReady why a load balancer may not send visitors to that root */
  constructor(
    roots: () => readonly RootState[],
    notReady: (root: RootState) => NotReady | null,
    systemCalls: SystemCalls['kind'],
  ) {
    this.#roots = roots
    this.#notReady = notReady
    this.page = new MetricsPage({ daemon: 'receiver', version: VERSION, systemCalls }, () => this.#look())
    const registers = [this.page.registry]
    const labelNames = ['root'] as const
    this.#commits = new Histogram({
      name: 'rootferry_commit_duration_seconds',
      help: 'From the first message of a changeset until all of it is visible',
      labelNames,
      buckets: COMMIT_SECONDS,
      registers,
    })
    this.#bursts = new Histogram({
      name: 'rootferry_burst_seconds',
      help: 'From the first to the last call that makes a changeset visible',
      labelNames,
      buckets: COMMIT_SECONDS,
      registers,
    })
    this.#changesets = new Counter({
      name: 'rootferry_committed_changesets_total',
      help: 'Changesets committed, repairs not counted',
      labelNames,
      registers,
    })
    this.#bytes = new Counter({
      name: 'rootferry_committed_bytes_total',
      help: 'Content committed, repairs included',
      labelNames,
      registers,
    })
    this.#differences = new Gauge({
      name: 'rootferry_verify_differences',
      help: 'Differences that resyncs have found since the start',
      labelNames: ['root', 'kind'],
      registers,
    })
    this.#ready = new Gauge({
      name: 'rootferry_ready',
      help: '1 when a load balancer may send visitors, as /readyz has it; 0 with a word for the reason',
      labelNames: ['root', 'reason'],
      registers,
    })
    this.#hooks = hookGauges(registers)
    this.#gauges = rootGauges(registers)
  }

  committed(root: string, { as, ms, burstMs, bytes }: CommittedEvent): void {
    this.#bytes.inc({ root }, bytes)
    if (as === 'repair') return
    this.#changesets.inc({ root })
    this.#commits.observe({ root }, ms / 1000)
    this.#bursts.observe({ root }, burstMs / 1000)
  }

  #look(): void {
    for (const gauge of [this.#differences, this.#ready, ...Object.values(this.#hooks), ...Object.values(this.#gauges)])
      gauge.reset()
    for (const state of this.#roots()) {
      const { root, differences, trash } = state
      this.#changesets.inc({ root }, 0)
      for (const kind of KINDS) this.#differences.set({ root, kind }, differences[kind])
      const gauges = this.#gauges
      const reason = this.#notReady(state)
      this.#ready.set({ root, reason: reason?.word ?? '' }, Number(reason === null))
      gauges.connected.set({ root }, Number(state.connected))
      gauges.live.set({ root }, Number(state.phase === 'live'))
      gauges.awaitingAccept.set({ root }, Number(state.awaitsAccept))
      gauges.failing.set({ root }, Number(state.failing !== null))
      gauges.sequence.set({ root }, state.sequence)
      gauges.durableSequence.set({ root }, state.durableSequence)
      gauges.problems.set({ root }, problemCount(state))
      gauges.trashBatches.set({ root }, trash.batches)
      gauges.trashBytes.set({ root }, trash.bytes)
      this.#lookAtHooks(state)
    }
  }

  /** Hooks go by their place in the configuration. */
  #lookAtHooks({ root, hooks }: RootState): void {
    const { runs, failures, due } = this.#hooks
    hooks.forEach((hook, number) => {
      const labels = { root, hook: String(number) }
      runs.inc(labels, hook.runs)
      failures.inc(labels, hook.failures)
      due.set(labels, Number(hook.isDue))
    })
  }
}

function hookGauges(registers: MetricsPage['registry'][]) {
  const labelNames = ['root', 'hook'] as const
  const named = (name: string, help: string) => ({ name: `rootferry_hook_${name}`, help, labelNames, registers })
  return {
    runs: new Counter(named('runs_total', 'Runs of the hook that are over')),
    failures: new Counter(named('failures_total', 'Runs of the hook that did not end well')),
    due: new Gauge(named('due', '1 while a run of the hook is due or in progress')),
  }
}

function rootGauges(registers: MetricsPage['registry'][]) {
  const labelNames = ['root'] as const
  const gauge = (name: string, help: string) => new Gauge({ name: `rootferry_${name}`, help, labelNames, registers })
  return {
    connected: gauge('target_connected', '1 when connected to the agent'),
    live: gauge('target_live', '1 when connected and caught up'),
    awaitingAccept: gauge('target_awaiting_accept', '1 while the first join waits for an operator to accept it'),
    failing: gauge('commit_failing', '1 when nothing can be committed'),
    sequence: gauge('target_sequence', 'The sequence that is committed'),
    durableSequence: gauge('target_durable_sequence', 'The sequence that is synced to disk'),
    problems: gauge('target_problems', 'Paths that could not be made right'),
    trashBatches: gauge('trash_batches', 'Occasions at which something was moved to the trash'),
    trashBytes: gauge('trash_bytes', 'Content of the files in the trash'),
  }
}
