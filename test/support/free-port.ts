/** A port for a daemon that must be found at the same place again after a restart. */
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/**
 * Below the ports of outgoing connections, one of which could otherwise take the port before the daemon does, and above
 * 10080, the last port that fetch refuses.
 */
const PORTS = { first: 10_100, last: 32_000 }

/** A port on which nothing listens at the moment. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer().listen(randomInt(PORTS.first, PORTS.last), '127.0.0.1')
    try {
      await once(server, 'listening')
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') continue
      throw error
    }
    const { port } = server.address() as AddressInfo
    server.close()
    await once(server, 'close')
    return port
  }
}
