/**
 * What `join` asks an agent over a trusted connection before it writes anything: which roots a token grants, and for the
 * token of an invitation that expires, one that does not.
 */
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { EXCHANGE_PATH, GRANTS_PATH, RootName, SUBPROTOCOLS } from '@rootferry/protocol'
import Type, { type Static } from 'typebox'
import { Check } from 'typebox/value'
import { type Address, DialFailure, noConnection, refusal } from './dial.ts'
import { openConnection } from './secure-connection.ts'

const Grants = Type.Object({
  name: Type.String({ maxLength: 63 }),
  roots: Type.Array(RootName, { maxItems: 1_000 }),
  protocols: Type.Array(Type.String({ maxLength: 64 }), { maxItems: 100 }),
  /** When the token is useless, unless it is exchanged. */
  expiresAt: Type.Optional(Type.String({ maxLength: 40 })),
  /** Whether other nodes have the same token. */
  many: Type.Optional(Type.Boolean()),
})
const Exchanged = Type.Object({ token: Type.String({ maxLength: 256, pattern: '^[A-Za-z0-9._~+/=-]+$' }) })
export type Grants = Static<typeof Grants>

const DEADLINE_MS = 10_000
const NO_AGENT = 'the server at this address is not a Rootferry agent'
const MOST_BYTES = 256 * 1024

/** @throws DialFailure: `isHopeless` when the agent was reached, and refuses the token or cannot be trusted */
export async function askGrants(address: Address): Promise<Grants> {
  return grantsOf((await ask(address, 'GET', GRANTS_PATH)) ?? '')
}

/** @returns the token that is to be kept; null: this one, which is of many nodes. @throws DialFailure */
export async function exchangeToken(address: Address): Promise<string | null> {
  const body = await ask(address, 'POST', EXCHANGE_PATH)
  if (body === null) return null
  const value = parse(body)
  if (!Check(Exchanged, value)) throw new DialFailure('refused', NO_AGENT, true)
  return value.token
}

/** @returns the body; null: there is nothing to do */
async function ask({ agent, token, trust }: Address, method: string, path: string): Promise<string | null> {
  const signal = AbortSignal.timeout(DEADLINE_MS)
  try {
    const url = new URL(path, agent)
    const connection = await openConnection(url, trust, signal)
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    request({
      host: url.host,
      path: url.pathname,
      method,
      headers: { Host: url.host, Authorization: `Bearer ${token}`, Connection: 'close', 'Content-Length': '0' },
      createConnection: () => connection,
      signal,
    })
      .on('response', resolve)
      .on('error', reject)
      .end()
    const response = await promise
    const status = response.statusCode ?? 0
    if (status === 200) return await text(bounded(response))
    response.destroy()
    if (status === 409) return null
    throw refusal(status, response, true)
  } catch (error) {
    if (error instanceof DialFailure) throw error
    throw noConnection(error, signal, DEADLINE_MS)
  }
}

async function* bounded(response: IncomingMessage): AsyncIterable<Buffer> {
  let bytes = 0
  for await (const piece of response) {
    bytes += piece.byteLength
    if (bytes > MOST_BYTES) throw new Error(NO_AGENT)
    yield piece
  }
}

function grantsOf(body: string): Grants {
  const value = parse(body)
  if (!Check(Grants, value)) throw new Error(NO_AGENT)
  if (!value.protocols.some((name) => SUBPROTOCOLS.includes(name))) {
    const message = `the agent speaks ${value.protocols.join(', ')}, and not ${SUBPROTOCOLS.join(', ')}`
    throw new DialFailure('no-common-version', message, true)
  }
  return value
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    // Another server: the schema check reports it.
    return null
  }
}
