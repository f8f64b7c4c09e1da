/** A session of a root's feed that writes into a stream instead of to a receiver. */
import type { LogPosition } from '@rootferry/nats'
import type { Hello } from '@rootferry/protocol'
import { LOG_CREDIT_BYTES, LogOutlet, type LogOutletParts } from './log-outlet.ts'
import type { RootFeed } from './root-feed.ts'

export interface LogSessionOrder {
  feed: Pick<RootFeed, 'name' | 'serve'>
  /** Under which it is among the receivers of the root. */
  receiver: string
  software: string
  /** Where the session begins; null: nowhere. */
  from: LogPosition | null
  target: Hello['target']
}

export interface LogSession {
  outlet: LogOutlet
  /** Resolves when the session is over. */
  ended: Promise<void>
}

export function logSession(order: LogSessionOrder, parts: LogOutletParts): LogSession {
  const { feed, receiver } = order
  const ended = Promise.withResolvers<void>()
  let outlet!: LogOutlet
  const peer = {
    open: (events: ConstructorParameters<typeof LogOutlet>[1]) => {
      const closed = (code: number, reason: string) => {
        events.closed(code, reason)
        ended.resolve()
      }
      outlet = new LogOutlet(parts, { ...events, closed })
      return outlet
    },
    receiver,
    address: '',
    node: null,
    compress: true,
    // Readers take the entries in their order.
    overtakes: false,
    summaries: false,
    now: new Date(),
  }
  void feed.serve(peer, helloOf(order))
  return { outlet, ended: ended.promise }
}

function helloOf({ feed, software, from, target }: LogSessionOrder): Hello {
  const position = from ?? { epoch: null, term: null, sequence: 0 }
  return {
    type: 'hello',
    software,
    root: feed.name,
    epoch: position.epoch,
    term: position.term,
    sequence: position.sequence,
    durable: position.sequence,
    target,
    encodings: ['tar', 'zstd'],
    prepared: null,
    credit: LOG_CREDIT_BYTES,
    partials: [],
  }
}
