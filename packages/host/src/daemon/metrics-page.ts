/**
 * The metrics of a daemon for Prometheus: a registry, with our metrics and those of the process, and the text of both.
 *
 * The metrics of the process are collected from the first scrape on: a daemon that is not scraped does not pay for
 * them. This file is not in the index of the package, because commands that end at once need not load it.
 */
import { collectDefaultMetrics, Gauge, Registry } from '@prometheus-io/client'
import { EventLoopLag } from './event-loop-lag.ts'

export * from '@prometheus-io/client'

/** How long the share of busy time is measured; it delays a scrape. */
const UTILIZATION_MS = 10
/** These say how long a timer waits in all, its own time included. */
const MISLEADING = /^nodejs_eventloop_lag_/

export class MetricsPage {
  readonly registry = new Registry()
  readonly #refresh: () => void
  #hasDefaults = false

  /** @param refresh called before each answer; sets the metrics that are read only on demand */
  constructor(build: { daemon: 'agent' | 'receiver'; version: string; systemCalls: string }, refresh: () => void) {
    this.#refresh = refresh
    const info = new Gauge({
      name: 'rootferry_build_info',
      help: 'Always 1; which daemon this is, its version, and how it makes system calls',
      labelNames: ['daemon', 'version', 'system_calls'],
      registers: [this.registry],
    })
    info.set({ daemon: build.daemon, version: build.version, system_calls: build.systemCalls }, 1)
  }

  async answer(): Promise<{ contentType: string; text: string }> {
    if (!this.#hasDefaults) {
      this.#hasDefaults = true
      collectDefaultMetrics({
        register: this.registry,
        eventLoopUtilizationTimeout: UTILIZATION_MS,
      })
      for (const { name } of this.registry.getMetricsAsArray())
        if (MISLEADING.test(name)) this.registry.removeSingleMetric(name)
      new EventLoopLag(this.registry).begin()
    }
    this.#refresh()
    return { contentType: this.registry.contentType, text: await this.registry.metrics() }
  }
}
