/**
 * TERM, INT and HUP to a verb that waits for the agent: the wait ends at once, and a line says what goes on without it.
 * What was ordered is not taken back by that.
 */
import { constants } from 'node:os'
import type { Terminal } from '@rootferry/host/daemon'
import { Failure } from '@rootferry/host/machine'

/** As shells: a command that a signal ended. */
const BY_SIGNAL = 128

export class Interrupts {
  #stop: (signal: NodeJS.Signals) => void = () => undefined

  constructor(terminal: Pick<Terminal, 'stopSignal' | 'onHangup'>) {
    void terminal.stopSignal((signal) => this.#stop(signal))
    terminal.onHangup(() => this.#stop('SIGHUP'))
  }

  /** Where the next signal goes. */
  goTo(handler: (signal: NodeJS.Signals) => void): void {
    this.#stop = handler
  }

  /** @throws Failure, with what goes on, at a signal that comes before the answer */
  before<Answer>(answer: Promise<Answer>, goesOn: string): Promise<Answer> {
    const { promise, reject } = Promise.withResolvers<never>()
    this.goTo((signal) => reject(new Failure(codeOf(signal), `stopped by ${signal}: ${goesOn}`)))
    return Promise.race([answer, promise])
  }
}

/** The exit code of a command that a signal ended. */
export function codeOf(signal: NodeJS.Signals): number {
  return BY_SIGNAL + constants.signals[signal]
}
