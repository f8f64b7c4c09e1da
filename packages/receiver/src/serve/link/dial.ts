/**
 * One attempt at a WebSocket to the agent: a trusted connection, then the upgrade with the token. The result is an open
 * WebSocket within the deadline, or an error that gives the reason.
 */
import type { IncomingMessage } from 'node:http'
import type { NatsAccess } from '@rootferry/host/daemon'
import { errorMessage } from '@rootferry/host/machine'
import { LIMITS, NODE_HEADER, STREAM_PATH, SUBPROTOCOLS } from '@rootferry/protocol'
import WebSocket from 'ws'
import { Distrust, openConnection, type Trust } from './secure-connection.ts'
import { versionMismatch } from './version-mismatch.ts'

export interface Address {
  /** ws: or wss: address of the agent, without a path. */
  agent: string
  token: string
  trust: Trust
  /** How this node tells itself from others of the same token. */
  node?: string
  /** Where the log of the agent is read, which is then dialled only when it has to be; absent: the agent has none. */
  nats?: NatsAddress | null
}

export interface NatsAddress extends NatsAccess {
  /** What the agent calls this receiver. */
  name: string
}

export type DialCode =
  /** The agent does not know the token, or was asked too often. */
  | 'unauthorized'
  /** The token does not grant this. */
  | 'forbidden'
  /** Agent and receiver have no version of the protocol in common. */
  | 'no-common-version'
  /** The agent gives an unexpected answer. */
  | 'refused'
  /** The agent could not prove its identity. */
  | 'untrusted'
  /** Connection refused, or no answer in time. */
  | 'unreachable'

/** Why there is no connection. */
export class DialFailure extends Error {
  override name = 'DialFailure'
  readonly code: DialCode
  /** Nothing changes unless an operator does something. */
  readonly isHopeless: boolean

  constructor(code: DialCode, message: string, isHopeless: boolean, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.isHopeless = isHopeless
  }
}

const DEADLINE_MS = 10_000

/** @throws DialFailure */
export async function dial({ agent, token, trust, node }: Address, signal: AbortSignal): Promise<WebSocket> {
  const deadline = AbortSignal.timeout(DEADLINE_MS)
  const either = AbortSignal.any([signal, deadline])
  try {
    const url = new URL(STREAM_PATH, agent)
    const connection = await openConnection(url, trust, either)
    const socket = new WebSocket(url, [...SUBPROTOCOLS], {
      createConnection: () => connection,
      headers: { Authorization: `Bearer ${token}`, ...(node === undefined ? {} : { [NODE_HEADER]: node }) },
      maxPayload: LIMITS.messageBytes,
      perMessageDeflate: false,
      followRedirects: false,
    })
    return await opened(socket, either)
  } catch (error) {
    if (error instanceof DialFailure) throw error
    throw noConnection(error, deadline, DEADLINE_MS)
  }
}

async function opened(socket: WebSocket, signal: AbortSignal): Promise<WebSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<WebSocket>()
  const giveUp = () => reject(signal.reason)
  signal.addEventListener('abort', giveUp)
  if (signal.aborted) giveUp()
  socket.once('open', () => resolve(socket))
  socket.on('unexpected-response', (_request, response) => {
    const status = response.statusCode ?? 0
    response.destroy()
    reject(refusal(status, response, HOPELESS.has(status)))
  })
  socket.on('error', reject)
  try {
    return await promise
  } catch (error) {
    socket.terminate()
    throw error
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

const HOPELESS: ReadonlySet<number> = new Set([401, 403, 429])

/** The agent's answer to an upgrade, or to a question about grants, when it is a refusal. */
export function refusal(status: number, answer: IncomingMessage, isHopeless: boolean): DialFailure {
  const failure = (code: DialCode, message: string) => new DialFailure(code, message, isHopeless)
  if (status === 401) {
    const hasExpired = answer.headers['www-authenticate']?.includes('expired') === true
    const why = hasExpired ? 'this token has expired' : 'the agent does not know this token'
    return failure('unauthorized', `unauthorized: ${why}`)
  }
  if (status === 403) return failure('forbidden', 'forbidden: an admin token receives nothing')
  if (status === 429) {
    return failure('unauthorized', 'unauthorized: the agent does not know this token, and was asked too often')
  }
  if (status === 426) {
    const theirs = answer.headers['sec-websocket-protocol'] ?? ''
    return failure('no-common-version', versionMismatch(theirs, SUBPROTOCOLS))
  }
  return failure('refused', `the agent answered ${status} ${answer.statusMessage ?? ''}`.trimEnd())
}

/** @param deadline the signal that fires after `deadlineMs` */
export function noConnection(cause: unknown, deadline: AbortSignal, deadlineMs: number): DialFailure {
  const message = deadline.aborted ? `no answer within ${deadlineMs / 1000} s` : errorMessage(cause)
  const isUntrusted = cause instanceof Distrust
  return new DialFailure(isUntrusted ? 'untrusted' : 'unreachable', message, isUntrusted, { cause })
}
