/** Opens a listener that a setting names. A failure is one line that names the setting. */
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { EXIT, errorCode, errorMessage, Failure } from '../machine/failure.ts'
import { urlOf } from './ask-daemon.ts'
import type { ListenAddress } from './listen-address.ts'

/**
 * @param setting `admin.listen`
 * @param attempt resolves with the address that the listener got
 * @throws Failure
 */
export async function listening(
  setting: string,
  { host, port }: ListenAddress,
  attempt: Promise<string>,
): Promise<string> {
  try {
    return await attempt
  } catch (error) {
    const why = errorCode(error) === 'EADDRINUSE' ? 'is taken by another process' : errorMessage(error)
    throw new Failure(EXIT.failed, `${setting} ${host}:${port} ${why}`, { cause: error })
  }
}

const ALL = '0.0.0.0'

/**
 * Opens a server. Fastify's own `listen` lists the addresses of this machine when it listens on all of them, and that
 * takes a kind of socket (netlink) that a confined service does not have.
 * @returns the address. @throws the system error (EADDRINUSE…)
 */
export async function listenOn(http: FastifyInstance, { host, port }: ListenAddress): Promise<string> {
  if (host !== ALL) return await http.listen({ host, port })
  const { server } = http
  http.addHook('preClose', async () => server.closeAllConnections())
  await http.ready()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject).listen({ host, port }, resolve)
  await promise
  server.off('error', reject)
  return urlOf({ host, port: (server.address() as AddressInfo).port })
}
