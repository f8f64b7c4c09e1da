/**
 * Tries a step again until the disk allows it, and knows whether a step is waiting.
 *
 * Only errors of the operating system or the ledger are retried; any other error is thrown at once.
 */
import { backoffMs, errorCode, plainMessage, RESTARTS } from '@rootferry/host/machine'
import { isOperatingError } from './disk-errors.ts'
import { Dropped, finish, orDropped } from './give-way.ts'
import { isWalk, type Step } from './walk.ts'

/** The bounds of the `failing` message. */
const MOST_CODE = 32
const MOST_MESSAGE = 1_000

export interface DiskFailure {
  code: string
  message: string
}

/** Steps that the disk may hold up: each is run until it works; a step that is a walk gives way. */
export interface DiskSteps {
  /**
   * For steps that must be finished whether or not there is a connection. @throws Dropped when the root is closed
   * meanwhile
   */
  untilDone<T>(step: Step<T>): Promise<T>
  /** For steps that only the present connection needs. @throws Dropped when that has ended, or the root is closed */
  whileConnected<T>(step: Step<T>): Promise<T>
  /** Waits for another program's work, which only the present connection needs. @throws Dropped as above */
  waiting<T>(work: Promise<T>): Promise<T>
}

export class DiskRetry {
  readonly #delay: (ms: number, signal: AbortSignal) => Promise<void>
  readonly #changed: (failure: DiskFailure | null) => void
  readonly #copied: (bytes: number) => void
  #failure: DiskFailure | null = null

  /**
   * @param delay waits; rejects when the signal fires
   * @param changed called with each new failure, and with null when steps work again
   * @param copied told how many bytes a step has copied, while it does
   */
  constructor(
    delay: (ms: number, signal: AbortSignal) => Promise<void>,
    changed: (failure: DiskFailure | null) => void,
    copied: (bytes: number) => void = () => undefined,
  ) {
    this.#copied = copied
    this.#delay = delay
    this.#changed = changed
  }

  get failure(): DiskFailure | null {
    return this.#failure
  }

  /** Runs the step until it works. @throws Dropped when one of the signals fires while it waits or gives way */
  async run<T>(step: Step<T>, signals: AbortSignal[]): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        const result = await once(step, signals, this.#copied)
        this.#failed(null)
        return result
      } catch (error) {
        if (!isOperatingError(error)) throw error
        this.#failed(failureOf(error))
      }
      try {
        await this.#delay(backoffMs(attempt, RESTARTS), AbortSignal.any(signals))
      } catch (cause) {
        throw new Dropped('the wait for a better time ended', { cause })
      }
    }
  }

  #failed(failure: DiskFailure | null): void {
    if (failure?.code === this.#failure?.code) return
    this.#failure = failure
    this.#changed(failure)
  }
}

/** Steps that are tried once. */
export function stepsOnce(signals: readonly AbortSignal[], copied?: (bytes: number) => void): DiskSteps {
  const step: DiskSteps['untilDone'] = (one) => once(one, signals, copied)
  return { untilDone: step, whileConnected: step, waiting: (work) => orDropped(work, signals) }
}

/** Runs the step once. @throws Dropped when one of the signals fires while it gives way; any error of the step */
export async function once<T>(
  step: Step<T>,
  signals: readonly AbortSignal[],
  copied?: (bytes: number) => void,
): Promise<T> {
  const begun = step()
  return isWalk(begun) ? await finish(begun, signals, copied) : begun
}

/** SQLite's errors name neither its file nor much else. */
function failureOf(error: unknown): DiskFailure {
  const [code, message] = [errorCode(error) ?? 'unknown', plainMessage(error)]
  if (code === 'ERR_SQLITE_ERROR') return { code: 'ledger', message: `the ledger in the state directory: ${message}` }
  // The code stands before it wherever it is shown.
  const sentence = message.startsWith(`${code}: `) ? message.slice(code.length + 2) : message
  return { code: code.slice(0, MOST_CODE), message: sentence.slice(0, MOST_MESSAGE) }
}
