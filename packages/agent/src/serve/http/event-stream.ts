/**
 * Server-sent events: the event log as a stream that a listener reads at its own pace.
 *
 * A comment every HEARTBEAT_MS keeps proxies from closing the stream; a listener that wants to notice a dead line names
 * `here`, as no program sees a comment. A listener that does not read is disconnected
 * rather than remembered: it comes back with the id of the last event that it saw.
 */
import { Readable } from 'node:stream'
import type { Event, EventLog, EventType } from './event-log.ts'

const HEARTBEAT_MS = 15_000
/** How soon a listener whose token was revoked is disconnected. */
const WELCOME_MS = 1_000
/** Unread text after which a listener is disconnected: more than the whole log. */
const MOST_UNREAD = 8 * 1024 * 1024
/** Milliseconds after which a browser dials again. */
const RETRY_MS = 2_000

export interface Listener {
  types: ReadonlySet<EventType>
  /** The last event that it has seen; null: it wants events from now on. */
  lastEventId: string | null
  /** Asked again and again: a listener whose token was revoked is disconnected. */
  isWelcome(): boolean
}

export function eventStream(log: EventLog, { types, lastEventId, isWelcome }: Listener): Readable {
  const stream = new Readable({ read: () => undefined, highWaterMark: MOST_UNREAD })
  const write = (text: string) => {
    if (stream.destroyed) return
    if (!stream.push(text)) stream.destroy()
  }
  write(`retry: ${RETRY_MS}\n: connected\n\n`)
  const missed = lastEventId === null ? [] : log.after(lastEventId)
  if (missed === null) write('event: missed\ndata: {}\n\n')
  else for (const event of missed) if (types.has(event.type)) write(eventText(event))
  const end = log.listen((event) => write(eventText(event)), types)
  const beat = types.has('here') ? 'event: here\ndata: {}\n\n' : ': still here\n\n'
  const heartbeat = setInterval(() => write(beat), HEARTBEAT_MS)
  const welcome = setInterval(() => {
    if (!isWelcome()) stream.destroy()
  }, WELCOME_MS)
  stream.on('close', () => {
    end()
    clearInterval(heartbeat)
    clearInterval(welcome)
  })
  return stream
}

function eventText({ id, type, data }: Event): string {
  return `${id === null ? '' : `id: ${id}\n`}event: ${type}\ndata: ${data}\n\n`
}
