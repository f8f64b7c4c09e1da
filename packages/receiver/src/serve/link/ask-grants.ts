/** Asks an agent which roots a token grants, over a trusted connection: `join` does so before it writes anything. */
import { get, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { GRANTS_PATH, RootName, SUBPROTOCOLS } from '@rootferry/protocol'
import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { type Address, DialFailure, noConnection, refusal } from './dial.ts'
import { openConnection } from './secure-connection.ts'

const Grants = Type.Object({
  name: Type.String({ maxLength: 63 }),
  roots: Type.Array(RootName, { maxItems: 1_000 }),
  protocols: Type.Array(Type.String({ maxLength: 64 }), { maxItems: 100 }),
})
export type Grants = Static<typeof Grants>
const validator = Compile(Grants)

const DEADLINE_MS = 10_000
const MOST_BYTES = 256 * 1024

/** @throws DialFailure: `isHopeless` when the agent was reached, and refuses the token or cannot be trusted */
export async function askGrants({ agent, token, trust }: Address): Promise<Grants> {
  const signal = AbortSignal.timeout(DEADLINE_MS)
  try {
    const url = new URL(GRANTS_PATH, agent)
    const connection = await openConnection(url, trust, signal)
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    get({
      host: url.host,
      path: url.pathname,
      headers: { Host: url.host, Authorization: `Bearer ${token}`, Connection: 'close' },
      createConnection: () => connection,
      signal,
    })
      .on('response', resolve)
      .on('error', reject)
    const response = await promise
    const status = response.statusCode ?? 0
    if (status !== 200) {
      response.destroy()
      throw refusal(status, response, true)
    }
    return grantsOf(await text(bounded(response)))
  } catch (error) {
    if (error instanceof DialFailure) throw error
    throw noConnection(error, signal, DEADLINE_MS)
  }
}

async function* bounded(response: IncomingMessage): AsyncIterable<Buffer> {
  let bytes = 0
  for await (const piece of response) {
    bytes += piece.byteLength
    if (bytes > MOST_BYTES) throw new Error('the server at this address is not a Rootferry agent')
    yield piece
  }
}

function grantsOf(body: string): Grants {
  const value = parse(body)
  if (!validator.Check(value)) throw new Error('the server at this address is not a Rootferry agent')
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
