/**
 * Server-sent events: the event log as a stream that a listener reads at its own pace.
 *
 * A comment every HEARTBEAT_MS keeps proxies from closing the stream. A listener that does not read is disconnected
 * rather than remembered: it comes back with the id of the last event that it saw.
 */
import { Readable } from 'node:stream'
import type { Event, EventLog } from './event-log.ts'

const HEARTBEAT_MS = 15_000
/** Unread text after which a listener is disconnected: more than the whole log. */
const MOST_UNREAD = 8 * 1024 * 1024
/** Milliseconds after which a browser dials again. */
const RETRY_MS = 2_000

/**
 * @param lastEventId the last event that the listener has seen; null: it wants events from now on
 * @param isWelcome asked at each heartbeat, so that a listener whose token was revoked is disconnected
 */
export function eventStream(log: EventLog, lastEventId: string | null, isWelcome: () => boolean): Readable {
  const stream = new Readable({ read: () => undefined, highWaterMark: MOST_UNREAD })
  const write = (text: string) => {
    if (stream.destroyed) return
    if (!stream.push(text)) stream.destroy()
  }
  write(`retry: ${RETRY_MS}\n: connected\n\n`)
  const missed = lastEventId === null ? [] : log.after(lastEventId)
  if (missed === null) write('event: missed\ndata: {}\n\n')
  else for (const event of missed) write(eventText(event))
  const end = log.listen((event) => write(eventText(event)))
  const heartbeat = setInterval(() => {
    if (isWelcome()) write(': still here\n\n')
    else stream.destroy()
  }, HEARTBEAT_MS)
  stream.on('close', () => {
    end()
    clearInterval(heartbeat)
  })
  return stream
}

function eventText({ id, type, data }: Event): string {
  return `id: ${id}\nevent: ${type}\ndata: ${data}\n\n`
}
