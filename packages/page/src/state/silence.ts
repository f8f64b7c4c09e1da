/**
 * Whether a line to the agent that says nothing is dead. Pure: times are arguments.
 *
 * A page that is not seen, and a machine that sleeps, run no timers, or run them late: what the agent said meanwhile may
 * wait to be read. So silence proves that a line is dead only where the page was awake all along; after a sleep nothing is
 * known of the line, and it is dialled anew.
 */
export type Finding = 'well' | 'dead' | 'unknown'

/** The agent says every 15 s that it is `here`. */
const MOST_MS = 40_000
/** A dial is answered sooner, or not at all. */
const MOST_DIALLING_MS = 10_000
/** How often to look. */
export const LOOK_MS = 5_000
const LATE_MS = 3 * LOOK_MS

export class Silence {
  /** When the agent last said something; 0: it never did. */
  heardMs = 0
  #untilMs = 0
  #lookedMs = 0

  dialled(nowMs: number): void {
    this.#untilMs = nowMs + MOST_DIALLING_MS
    this.#lookedMs = nowMs
  }

  heard(nowMs: number): void {
    this.heardMs = nowMs
    this.#untilMs = nowMs + MOST_MS
  }

  /** Call it every LOOK_MS while the page is seen, and when it is seen again. */
  look(nowMs: number): Finding {
    const isLate = nowMs - this.#lookedMs > LATE_MS
    this.#lookedMs = nowMs
    if (nowMs < this.#untilMs) return 'well'
    return isLate ? 'unknown' : 'dead'
  }
}
