/**
 * The figures of a daemon for Prometheus: a registry, the process's own figures beside ours, and the text of both.
 *
 * The figures of the process are collected from the first time somebody asks: a daemon that nobody scrapes does not
 * pay for them. Not in the index of this package, because commands that end at once need not load it.
 */
import { collectDefaultMetrics, Gauge, Registry } from '@prometheus-io/client'

export * from '@prometheus-io/client'

/** How long the share of busy time is measured: it holds a scrape up. */
const UTILIZATION_MS = 10
const DELAY_SAMPLE_MS = 100

export class MetricsPage {
  readonly registry = new Registry()
  readonly #refresh: () => void
  #hasDefaults = false

  /** @param refresh called before each answer: sets what is only known when one looks */
  constructor(version: string, refresh: () => void) {
    this.#refresh = refresh
    const info = new Gauge({
      name: 'rootferry_build_info',
      help: 'Always 1; the version of this daemon',
      labelNames: ['version'],
      registers: [this.registry],
    })
    info.set({ version }, 1)
  }

  async answer(): Promise<{ contentType: string; text: string }> {
    if (!this.#hasDefaults) {
      this.#hasDefaults = true
      collectDefaultMetrics({
        register: this.registry,
        eventLoopUtilizationTimeout: UTILIZATION_MS,
        eventLoopMonitoringPrecision: DELAY_SAMPLE_MS,
      })
    }
    this.#refresh()
    return { contentType: this.registry.contentType, text: await this.registry.metrics() }
  }
}
