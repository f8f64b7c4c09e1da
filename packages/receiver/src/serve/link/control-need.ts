/**
 * Whether an agent that was dialled beside a log is still needed: until nothing is asked for, nothing is owed and no
 * resync runs; or while it does not answer. Told of what passes over the connection in both directions. Decides nothing
 * about the log.
 */
import type { ToAgent, Welcome } from '@rootferry/protocol'
import type { Frame, HelloPosition } from '../../root-messages.ts'
import type { LinkEvents } from './link.ts'

export class ControlNeed {
  isLooking = false
  readonly #before: HelloPosition | null
  #isOpen = false
  #welcome: Pick<Welcome, 'epoch' | 'term' | 'start' | 'sequence'> | null = null
  #sequence: number | null = null
  #wants = 0
  #isResyncing = false
  #owed = 0
  #isStaging = false

  /** @param before where the target was, if the log is of use while the agent does not answer; null: it is not */
  constructor(before: HelloPosition | null) {
    this.#before = before
  }

  /** Where the target is, when the log may be read from there; null: the agent is needed. */
  get position(): HelloPosition | null {
    if (!this.#isOpen) return this.#before
    if (this.#welcome === null || this.#sequence === null || this.#isBusy) return null
    const [{ epoch, term }, sequence] = [this.#welcome, this.#sequence]
    return { epoch, term, sequence, durable: sequence, target: 'populated', partials: [], prepared: null }
  }

  get #isBusy(): boolean {
    return this.#wants > 0 || this.#owed > 0 || this.#isResyncing || this.#isStaging
  }

  /** @returns the same events, of which this hears too */
  hearing(events: LinkEvents): LinkEvents {
    return {
      ...events,
      tell: (message) => {
        if (message.type === 'hello') this.#isOpen = true
        events.tell(message)
      },
      frame: (frame) => {
        this.frame(frame)
        events.frame(frame)
      },
      disconnected: (error) => {
        this.ended()
        events.disconnected(error)
      },
    }
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
    this.#isOpen = false
    this.#welcome = null
    this.#sequence = null
    this.#wants = 0
    this.#isResyncing = false
    this.#isStaging = false
  }
}
