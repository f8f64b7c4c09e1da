/** Which way leads from a root to its agent: a WebSocket, or the log on NATS with a WebSocket beside it. */
import type { Link, LinkEvents, LinkOptions } from './link.ts'
import { LogLink } from './log-link.ts'
import { SocketLink } from './socket-link.ts'

export function openLink(options: LinkOptions, events: LinkEvents): Link {
  const { address } = options
  if (address.nats == null) return new SocketLink(options, events)
  return new LogLink({ ...options, address: { ...address, nats: address.nats } }, events)
}
