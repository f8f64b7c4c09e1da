/**
 * Opens the connection to an agent, and hands it out only when the agent has proved its identity.
 *
 * INVARIANT: a secret may be sent over any socket that comes from here. Only the TLS handshake is written before the
 * proof, so an impostor sees no byte of HTTP. Knows nothing of tokens and requests.
 */
import { connect as connectPlain, type Socket } from 'node:net'
import { connect as connectSecure, TLSSocket } from 'node:tls'
import { ipVersion } from '@rootferry/host/daemon'
import { errorCode } from '@rootferry/host/machine'
import { fingerprintOf } from '@rootferry/protocol'

/** How the receiver recognizes the agent, and which certificate it shows. */
export interface Trust {
  /** `sha256:…` of the only certificate that is accepted, whatever name it carries; null: names and issuers count. */
  fingerprint: string | null
  /** PEM of the accepted authorities; null: those that Node knows. */
  ca: string | null
  /** PEM, for agents that ask for a certificate; null: the receiver shows none. */
  client: { cert: string; key: string } | null
}

/** The agent could not prove its identity. Trying again does not help. */
export class Distrust extends Error {
  override name = 'Distrust'
}

/**
 * @param agent ws: or wss: address
 * @param signal ends the attempt
 * @throws Distrust; Error with one line that says why there is no connection
 */
export async function openConnection(agent: URL, trust: Trust, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted()
  const isSecure = agent.protocol === 'wss:'
  const host = agent.hostname.replace(/^\[|\]$/g, '')
  const address = { host, port: Number(agent.port) || (isSecure ? 443 : 80) }
  const socket = isSecure ? connectSecure({ ...address, ...tlsOptions(host, trust) }) : connectPlain(address)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const giveUp = () => reject(signal.reason)
  signal.addEventListener('abort', giveUp)
  socket.once(isSecure ? 'secureConnect' : 'connect', resolve)
  socket.once('error', reject)
  socket.once('close', () => reject(new Error('the agent closed the connection')))
  try {
    await promise
    if (socket instanceof TLSSocket) checkCertificate(socket, trust)
    return socket
  } catch (error) {
    socket.destroy()
    throw signal.aborted ? signal.reason : explained(error, socket)
  } finally {
    signal.removeEventListener('abort', giveUp)
    socket.off('error', reject)
    // From here on the next owner listens for errors; a socket that was given up has no other listener.
    socket.on('error', () => socket.destroy())
  }
}

function tlsOptions(host: string, { fingerprint, ca, client }: Trust) {
  return {
    minVersion: 'TLSv1.3' as const,
    ...(ipVersion(host) === 0 ? { servername: host } : {}),
    ...(ca === null ? {} : { ca }),
    ...client,
    // A pinned certificate need not be signed by an authority: it is compared before the socket is handed out.
    rejectUnauthorized: fingerprint === null,
  }
}

/** @throws Distrust when the certificate is not the pinned one, or not valid today */
function checkCertificate(socket: TLSSocket, { fingerprint }: Trust): void {
  if (fingerprint === null) return
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) throw new Distrust('the agent showed no certificate')
  const shown = fingerprintOf(certificate.raw)
  if (shown !== fingerprint)
    throw new Distrust(`the agent's certificate is ${shown}, and not the pinned ${fingerprint}`)
  const now = new Date()
  if (now > certificate.validToDate) {
    throw new Distrust(`the agent's certificate has expired on ${certificate.validToDate.toISOString()}`)
  }
  if (now < certificate.validFromDate) {
    throw new Distrust(`the agent's certificate is valid from ${certificate.validFromDate.toISOString()} only`)
  }
}

function explained(error: unknown, socket: Socket): Error {
  if (error instanceof Distrust || !(error instanceof Error)) return error as Error
  const code = errorCode(error)
  if (socket instanceof TLSSocket && socket.authorizationError) {
    return new Distrust(`the agent's certificate was refused: ${error.message || code}`, { cause: error })
  }
  if (code === 'EPROTO' || code?.startsWith('ERR_SSL_') === true) {
    return new Error(`no TLS connection came about: ${code}, does the agent speak TLS 1.3 there?`, { cause: error })
  }
  return error.message === '' ? new Error(code ?? 'no connection came about', { cause: error }) : error
}
