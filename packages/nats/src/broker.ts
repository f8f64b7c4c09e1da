/**
 * A connection to NATS. When it is lost it is over, and its owner opens another one and looks again where it stands: a
 * server that was killed may have lost what it had acknowledged.
 */
import { checkServerIdentity as checkHost, type PeerCertificate } from 'node:tls'
import { connect, credsAuthenticator, type NatsConnection, nkeyAuthenticator } from '@nats-io/transport-node'
import { LogStream } from './log-stream.ts'
import { Mirrors } from './mirrors.ts'
import { type LogNames, logNames, nameIn } from './names.ts'
import { Snapshots } from './snapshots.ts'

export interface BrokerOptions {
  /** When they are tls://, a connection without TLS is ended. */
  servers: readonly string[]
  /** PEM of the authority for that; null: one that Node knows. */
  ca: string | null
  /** The content of a credentials file: a `.creds` file, or the seed of an nkey; null: the server asks for none. */
  credentials: string | null
  name: string
  /** null: any. */
  inbox: string | null
}

const TIMEOUT_MS = 5_000
const PING_MS = 10_000
const DECODER = new TextDecoder()

export class Broker {
  readonly #connection: NatsConnection

  private constructor(connection: NatsConnection) {
    this.#connection = connection
  }

  /** @throws Error with one line */
  static async connect({ servers, ca, credentials, name, inbox }: BrokerOptions): Promise<Broker> {
    const connection = await connect({
      servers: servers.map((server) => server.replace(/^tls:/, 'nats:')),
      ...(servers.some((server) => server.startsWith('tls:')) ? { tls: insisting(servers, ca) } : {}),
      name,
      reconnect: false,
      timeout: TIMEOUT_MS,
      pingInterval: PING_MS,
      maxPingOut: 2,
      ...(inbox === null ? {} : { inboxPrefix: inbox }),
      ...(credentials === null ? {} : { authenticator: authenticatorOf(credentials) }),
    })
    return new Broker(connection)
  }

  /** Resolves when the connection is over. @returns why; null: it was closed here */
  async ended(): Promise<string | null> {
    const error = await this.#connection.closed()
    return error === undefined ? 'the connection to the NATS server was lost' : error.message
  }

  get isOver(): boolean {
    return this.#connection.isClosed()
  }

  log(root: string): LogStream {
    return new LogStream(this.#connection, logNames(root).log)
  }

  snapshots(root: string): Snapshots {
    return new Snapshots(this.#connection, logNames(root))
  }

  /** @param domain of the server of a region */
  mirrors(root: string, domain: string): Mirrors {
    return new Mirrors(this.#connection, logNames(root), domain)
  }

  /** The JetStream domain of the server: the region, where there are several; null: it has none. */
  get domain(): string | null {
    // Servers say so, and the types of the client do not.
    const { domain } = (this.#connection.info ?? {}) as { domain?: unknown }
    return typeof domain === 'string' && domain !== '' ? domain : null
  }

  /** The address of this host as the server sees it; null: the server does not say. */
  get clientAddress(): string | null {
    return this.#connection.info?.client_ip ?? null
  }

  /** A message that is not kept. */
  tell(subject: string, value: unknown): void {
    if (!this.isOver) this.#connection.publish(subject, JSON.stringify(value))
  }

  /** @param heard with the name that is the last word of the subject */
  listen(subject: string, heard: (value: unknown, name: string) => void): void {
    this.#connection.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) heard(parsed(message.data), nameIn(message.subject))
      },
    })
  }

  /** Answers whoever asks who publishes that root. */
  claim({ publisher }: LogNames, who: string): void {
    this.#connection.subscribe(publisher, {
      callback: (error, message) => void (error === null && message.respond(who)),
    })
  }

  /** @returns who else publishes the root; null: nobody */
  async publisherOf({ publisher }: LogNames): Promise<string | null> {
    try {
      return DECODER.decode((await this.#connection.request(publisher, '', { timeout: 1_000 })).data)
    } catch {
      // Nobody listens, or nobody answers.
      return null
    }
  }

  async close(): Promise<void> {
    await this.#connection.close().catch(() => undefined)
  }
}

/** TLS or nothing, with a certificate for one of the servers. */
function insisting(servers: readonly string[], ca: string | null) {
  const hosts = servers.map((server) => new URL(server.replace(/^tls:/, 'https:')).hostname.replace(/^\[|\]$/g, ''))
  // By itself the client checks the certificate of an address as if that were `localhost`.
  const checkServerIdentity = (_name: string, certificate: PeerCertificate) => {
    const faults = hosts.map((host) => checkHost(host, certificate))
    return faults.includes(undefined) ? undefined : faults[0]
  }
  return { checkServerIdentity, ...(ca === null ? {} : { ca }) }
}

function authenticatorOf(credentials: string) {
  const bytes = new TextEncoder().encode(credentials)
  if (credentials.includes('NATS USER JWT')) return credsAuthenticator(bytes)
  return nkeyAuthenticator(new TextEncoder().encode(credentials.trim()))
}

function parsed(data: Uint8Array): unknown {
  try {
    return JSON.parse(DECODER.decode(data))
  } catch {
    // Not one of ours.
    return null
  }
}
