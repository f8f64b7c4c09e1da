/** Timers, clock and chance of the language itself: a simulated process gets those of its machine. */
import { farm, isUnderWay, presentMachine, presentProcess, refuseBetweenTurns } from './farm.ts'
import type { Timer } from './scheduler.ts'

const LEAST_MS = 1

class SimulatedTimeout {
  readonly #owner = presentProcess()
  readonly #scheduler = farm().scheduler
  readonly #ms: number
  readonly #act: () => void
  readonly #repeats: boolean
  #timer: Timer | null = null

  constructor(act: () => void, ms: number, repeats: boolean) {
    this.#act = act
    this.#ms = Math.max(LEAST_MS, ms)
    this.#repeats = repeats
    this.refresh()
  }

  refresh(): this {
    this.cancel()
    this.#timer = this.#scheduler.after(this.#ms, this.#owner, () => {
      if (this.#repeats) this.refresh()
      this.#act()
    })
    return this
  }

  cancel(): void {
    if (this.#timer !== null) this.#timer.isCancelled = true
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }
}

type Act = (...words: unknown[]) => void

/** Call it once, before any code under simulation runs. */
export function installGlobals(): void {
  const real = { ...globalThis, setTimeout, setInterval, setImmediate, clearTimeout, clearInterval }
  const now = Date.now
  const random = Math.random
  const elapsed = performance.now.bind(performance)
  const start =
    (repeats: boolean, otherwise: (act: Act, ms?: number) => unknown) =>
    (act: Act, ms = 0) => {
      if (isUnderWay()) return new SimulatedTimeout(act, ms, repeats)
      refuseBetweenTurns('a timer')
      return otherwise(act, ms)
    }
  const end = (otherwise: (timer: NodeJS.Timeout) => void) => (timer: NodeJS.Timeout | SimulatedTimeout) =>
    timer instanceof SimulatedTimeout ? timer.cancel() : otherwise(timer)
  Object.assign(globalThis, {
    setTimeout: start(false, real.setTimeout),
    setInterval: start(true, real.setInterval),
    clearTimeout: end(real.clearTimeout),
    clearInterval: end(real.clearInterval),
    setImmediate: (act: Act) =>
      isUnderWay() ? farm().scheduler.after(0, presentProcess(), act) : real.setImmediate(act),
  })
  Date.now = () => (isUnderWay() ? Math.floor(presentMachine().wallClock()) : now())
  Math.random = () => (isUnderWay() ? presentMachine().chance.fraction() : random())
  performance.now = () => (isUnderWay() ? farm().scheduler.now : elapsed())
  const timeout = AbortSignal.timeout.bind(AbortSignal)
  AbortSignal.timeout = (ms) => {
    if (!isUnderWay()) return timeout(ms)
    const controller = new AbortController()
    setTimeout(() => controller.abort(new Error('timed out, simulated')), ms)
    return controller.signal
  }
  process.on('unhandledRejection', (error) => {
    if (!isUnderWay()) throw error
    farm().scheduler.failed(error)
  })
}
