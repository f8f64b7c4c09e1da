/**
 * Whether an agent that was dialled beside a log is still needed: until nothing is asked for, nothing is owed and no
 * resync runs. Told of what passes over the connection in both directions. Decides nothing about the log.
 */
import type { LogPosition } from '@rootferry/nats'
import type { ToAgent, Welcome } from '@rootferry/protocol'
import type { Frame } from '../../root-messages.ts'

export class ControlNeed {
  isLooking = false
  #welcome: Pick<Welcome, 'epoch' | 'term' | 'start' | 'sequence'> | null = null
  #sequence: number | null = null
  #wants = 0
  #isResyncing = false
  #owed = 0
  #isStaging = false

  /** Where the connection has brought the receiver; null: not known, or not to be relied on. */
  get position(): LogPosition | null {
    if (this.#welcome === null || this.#sequence === null) return null
    const { epoch, term } = this.#welcome
    return { epoch, term, sequence: this.#sequence }
  }

  get isOver(): boolean {
    return this.position !== null && this.#wants === 0 && this.#owed === 0 && !this.#isResyncing && !this.#isStaging
  }

  /** A frame of the agent. */
  frame({ isBinary, data }: Frame): void {
    if (this.#welcome !== null || isBinary) return
    this.#welcome = JSON.parse(Buffer.from(data).toString()) as Welcome
    const { start, sequence } = this.#welcome
    this.#sequence = start === 'replay' ? sequence : null
    this.#isResyncing = start === 'resync'
  }

  /** A message of the receiver. */
  said(message: ToAgent): void {
    switch (message.type) {
      case 'committed':
        this.#sequence = message.sequence
        this.#isStaging = false
        return
      case 'resynced':
        this.#sequence = message.sequence
        this.#isResyncing = false
        return
      case 'staged':
        this.#isStaging = true
        return
      case 'want':
        this.#wants += 1
        return
      case 'repaired':
        this.#wants -= 1
        return
      case 'owed':
        this.#owed = message.count
        return
      case 'resync-progress':
        this.#isResyncing = message.state === 'running'
    }
  }

  /** The connection has ended; another one begins with a welcome. */
  ended(): void {
    this.#welcome = null
    this.#sequence = null
    this.#wants = 0
    this.#isResyncing = false
    this.#isStaging = false
  }
}
