/**
 * How long changes take to be committed, by root, for Prometheus. A root has its histogram before its first change:
 * without the zeros there, that change would raise no rate.
 */
import { Histogram, type MetricsPage } from '@rootferry/host/daemon/metrics'

/** From a settle time of nothing to a minute of lag. */
const SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

export class PropagationMetric {
  readonly #known = new Set<string>()
  readonly #histogram: Histogram<'root'>

  constructor(registers: MetricsPage['registry'][]) {
    this.#histogram = new Histogram({
      name: 'rootferry_propagation_seconds',
      help: 'From the first hint of a change to its commit on a receiver that follows',
      labelNames: ['root'],
      buckets: SECONDS,
      registers,
    })
  }

  /** The root is served; may be said again. */
  serves(root: string): void {
    if (this.#known.has(root)) return
    this.#known.add(root)
    this.#histogram.zero({ root })
  }

  committed(root: string, seconds: readonly number[]): void {
    this.serves(root)
    for (const each of seconds) this.#histogram.observe({ root }, each)
  }
}
