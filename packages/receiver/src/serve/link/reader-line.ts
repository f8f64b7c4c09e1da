/**
 * What a reader of a log and its agent say to each other beside the log, over the broker: reports of the reader, and orders
 * of the agent. Both are sealed with the reader's token, but for what harms nobody: a question, and the wish that it dials.
 */
import type { Broker } from '@rootferry/nats'

export interface ReaderLineEvents {
  /** The agent wants a report. */
  asked(): void
  /** It has so many readers that it wants to hear of commits within that time, and not at once. */
  paced(ms: number): void
  /** It wants a connection. */
  called(): void
  /** Others show a round without this reader, which ends there. */
  leaves(to: number): void
}

export class ReaderLine {
  readonly #broker: Broker
  readonly #subject: string
  readonly #seal: (report: object) => object

  constructor(
    broker: Broker,
    words: Pick<typeof import('@rootferry/nats'), 'logNames' | 'openedReport' | 'sealedReport' | 'tokenHash'>,
    { root, name, token }: { root: string; name: string; token: string },
    events: ReaderLineEvents,
  ) {
    this.#broker = broker
    const names = words.logNames(root)
    const hash = words.tokenHash(token)
    this.#subject = names.ackOf(name)
    this.#seal = (report) => words.sealedReport(report, this.#subject, hash)
    const called = names.callOf(name)
    broker.listen(called, (value) => {
      const { leave } = (words.openedReport(value, called, hash) ?? {}) as { leave?: unknown }
      if (typeof leave === 'number' && Number.isSafeInteger(leave)) events.leaves(leave)
      else events.called()
    })
    broker.listen(names.who, (value) => {
      const { paceMs } = (value ?? {}) as { paceMs?: unknown }
      if (typeof paceMs === 'number') events.paced(paceMs)
      else events.asked()
    })
  }

  tell(report: object): void {
    this.#broker.tell(this.#subject, this.#seal(report))
  }
}
