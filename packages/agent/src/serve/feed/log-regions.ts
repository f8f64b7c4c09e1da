/**
 * The regions of a root's log: has each mirror it, and knows how far each is. A region that cannot be reached holds up no
 * other, and is tried again.
 */
import type { Logger } from '@rootferry/host/daemon'
import { type BackoffRange, backoffMs, errorMessage } from '@rootferry/host/machine'
import type { Mirrors } from '@rootferry/nats'

export interface LogRegionsParts {
  regions: readonly string[]
  mirrorsOf(region: string): Pick<Mirrors, 'keep'>
  /** The domain of the server that the agent writes to; null: it has none. */
  hub: string | null
  retention: { maxBytes: number; maxAgeMs: number }
  log: Logger
}

export interface RegionStatus {
  name: string
  /** Messages of the log that it lacks; null: not known. */
  behind: number | null
  /** What is wrong. */
  why: string | null
}

/** After a look that failed; and how often all is looked at again. */
const PAUSES: BackoffRange = { firstMs: 500, mostMs: 15_000 }
const LOOK_MS = 15_000

export class LogRegions {
  readonly status: readonly RegionStatus[]
  readonly #parts: LogRegionsParts
  readonly #timers = new Map<RegionStatus, NodeJS.Timeout>()
  #isClosed = false

  constructor(parts: LogRegionsParts) {
    this.#parts = parts
    this.status = parts.regions.map((name) => ({ name, behind: null, why: null }))
  }

  /** The streams of the root are there. */
  start(): void {
    for (const region of this.status) void this.#look(region, 0)
  }

  close(): void {
    this.#isClosed = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
  }

  async #look(region: RegionStatus, failures: number): Promise<void> {
    const { mirrorsOf, hub, retention, log } = this.#parts
    let pauseMs = LOOK_MS
    try {
      if (hub === null)
        throw new Error('the NATS server has no JetStream domain: regions need `domain` in its `jetstream`')
      const { behind } = await mirrorsOf(region.name).keep(hub, retention)
      if (this.#isClosed) return
      if (region.behind === null || region.why !== null)
        log.info({ region: region.name, behind }, 'a region has a mirror of the log')
      Object.assign(region, { behind, why: null })
    } catch (error) {
      if (this.#isClosed) return
      const why = errorMessage(error)
      if (region.why !== why)
        log.warn({ region: region.name, error: why }, 'a region has no mirror of the log, trying again')
      Object.assign(region, { behind: null, why })
      pauseMs = backoffMs(failures, PAUSES)
      failures += 1
    }
    this.#timers.set(
      region,
      setTimeout(() => void this.#look(region, failures), pauseMs),
    )
  }
}
