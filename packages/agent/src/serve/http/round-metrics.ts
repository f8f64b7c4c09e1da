/** The agent's metrics of rounds, counted as rounds end. */
import { Counter, Gauge, Histogram, type MetricsPage } from '@rootferry/host/daemon/metrics'
import { leftBehind, outcomeOf, type RoundReport, skewMs } from '../feed/round-report.ts'

const SKEW_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30]
const OUTCOMES = ['all', 'partial', 'void'] as const

export class RoundMetrics {
  readonly #known = new Set<string>()
  readonly #rounds: Counter<'root' | 'outcome'>
  readonly #skew: Histogram<'root'>
  readonly #members: Gauge<'root'>
  readonly #leftBehind: Counter<'root' | 'receiver'>

  constructor(registers: MetricsPage['registry'][]) {
    this.#rounds = new Counter({
      name: 'rootferry_rounds_total',
      help: 'Rounds that are over',
      labelNames: ['root', 'outcome'],
      registers,
    })
    this.#skew = new Histogram({
      name: 'rootferry_round_skew_seconds',
      help: 'How far apart the first and the last member of a round began to show it',
      labelNames: ['root'],
      buckets: SKEW_SECONDS,
      registers,
    })
    this.#members = new Gauge({
      name: 'rootferry_round_members',
      help: 'Receivers that committed together in the last round',
      labelNames: ['root'],
      registers,
    })
    this.#leftBehind = new Counter({
      name: 'rootferry_left_behind_total',
      help: 'Rounds that went without the receiver',
      labelNames: ['root', 'receiver'],
      registers,
    })
  }

  /** The root is there: its metrics begin at 0. */
  knows(root: string): void {
    if (this.#known.has(root)) return
    this.#known.add(root)
    for (const outcome of OUTCOMES) this.#rounds.inc({ root, outcome }, 0)
    this.#skew.zero({ root })
    this.#members.set({ root }, 0)
  }

  knowsReceiver(root: string, receiver: string): void {
    this.#leftBehind.inc({ root, receiver }, 0)
  }

  over(root: string, report: RoundReport): void {
    this.knows(root)
    this.#rounds.inc({ root, outcome: outcomeOf(report) })
    const skew = skewMs(report)
    if (skew !== null) this.#skew.observe({ root }, skew / 1000)
    const late = leftBehind(report)
    const together = [...report.members.values()].filter(({ standing, isLate }) => standing === 'committed' && !isLate)
    this.#members.set({ root }, together.length)
    for (const receiver of late) this.#leftBehind.inc({ root, receiver })
  }
}
