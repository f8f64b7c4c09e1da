/**
 * How long the main thread keeps a timer waiting beyond its time: the delay that every connection and every request of
 * the daemon has at that moment. One sample each SAMPLE_MS, so a longer block counts once, with all of its length.
 */
import { Histogram, type Registry } from '@prometheus-io/client'

const SAMPLE_MS = 100
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

export class EventLoopLag {
  readonly #lag: Histogram<string>

  constructor(registry: Registry) {
    this.#lag = new Histogram({
      name: 'rootferry_event_loop_lag_seconds',
      help: 'How long the main thread kept a timer waiting beyond its time, sampled ten times a second',
      buckets: SECONDS,
      registers: [registry],
    })
  }

  /** Measures from now on; keeps no process alive. */
  begin(): void {
    let dueMs = performance.now() + SAMPLE_MS
    setInterval(() => {
      const nowMs = performance.now()
      this.#lag.observe(Math.max(0, nowMs - dueMs) / 1_000)
      dueMs = nowMs + SAMPLE_MS
    }, SAMPLE_MS).unref()
  }
}
