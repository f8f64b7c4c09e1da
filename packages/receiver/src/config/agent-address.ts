/**
 * The part of receiver.yaml that says where the agent is, how the receiver recognizes it, and which token and
 * certificate the receiver shows to it. Reads the files that it names; faults are collected with their place.
 */
import { readFileSync } from 'node:fs'
import { type ConfigSource, isBearerToken, isLoopback, NATS_SERVER, natsAccess, pathOf } from '@rootferry/host/daemon'
import { errorMessage } from '@rootferry/host/machine'
import { parseFingerprint } from '@rootferry/protocol'
import Type, { type Static } from 'typebox'
import type { Address, NatsAddress } from '../serve/link/dial.ts'
import type { Trust } from '../serve/link/secure-connection.ts'

const pemFile = (title: string) => pathOf('a PEM file', { title })

/** Keys of receiver.yaml. */
export const AGENT_SETTINGS = {
  agent: Type.String({
    pattern: '^(wss?|nats|tls)://[^/]+/?$',
    title:
      'Where the agent listens for receivers; or the NATS server with its log, see [fleets.md](fleets.md#a-log-on-nats)',
    description: `wss://HOST:PORT, or ws://HOST:PORT; with \`control\` ${NATS_SERVER}`,
  }),
  control: Type.Optional(
    Type.String({
      pattern: '^wss://[^/]+/?$',
      title: 'With a NATS server as `agent`: where the agent itself listens, for what a log cannot bring',
      description: 'wss://HOST:PORT',
    }),
  ),
  credentialsFile: Type.Optional(
    pathOf('a file', {
      title:
        'Who this host is to the NATS server: a `.creds` file, or the seed of an nkey. Absent: it asks for nothing',
    }),
  ),
  natsCa: Type.Optional(
    pemFile(
      'With tls:// as `agent`: the authority that must have signed the certificate of the NATS server. Absent: the public authorities count',
    ),
  ),
  fingerprint: Type.Optional(
    Type.String({
      title: 'The certificate that the agent must show. Neither this nor `ca`: the public authorities count',
      description: "'sha256:' and the 64 hexadecimal digits of a certificate's SHA-256",
    }),
  ),
  ca: Type.Optional(pemFile('The authority that must have signed the certificate of the agent')),
  tls: Type.Optional(
    Type.Object(
      {
        cert: pemFile('The certificate of this host, for an agent that asks for one (`tls.clientCa`)'),
        key: pemFile('The private key of `cert`'),
      },
      { additionalProperties: false },
    ),
  ),
  tokenFile: Type.Optional(
    pathOf('a file', {
      title: 'The file that holds the token of this host; absent: the environment variable ROOTFERRY_TOKEN',
    }),
  ),
  allowPlaintext: Type.Optional(
    Type.Boolean({
      title: 'Accept a ws:// address that is not loopback',
      description: 'true or false',
      default: false,
    }),
  ),
}
const Settings = Type.Object(AGENT_SETTINGS)
type AgentSettings = Static<typeof Settings> & { name?: string }

export function agentAddress(
  value: AgentSettings,
  source: ConfigSource,
  environmentToken: string | undefined,
  faults: string[],
): Address {
  const nats = natsAddress(value, source, faults)
  const key = nats === null || value.control === undefined ? 'agent' : 'control'
  const agent = value[key] ?? value.agent
  if (!isAddress(agent)) {
    faults.push(source.fault([key], 'must be wss://HOST:PORT, or ws://HOST:PORT'))
    return { agent, trust: { fingerprint: null, ca: null, client: null }, token: '', nats }
  }
  return {
    agent,
    trust: trust({ ...value, agent }, source, faults),
    token: token(value, source, environmentToken, faults),
    nats,
  }
}

/** A user, a query and port 0 would be dropped without a word, the last for the port that the scheme implies. */
function isAddress(agent: string): boolean {
  if (!URL.canParse(agent)) return false
  const { username, password, port } = new URL(agent)
  return username === '' && password === '' && port !== '0' && !/[?#]/.test(agent)
}

/** @returns null when the agent is reached by WebSocket alone */
function natsAddress(value: AgentSettings, source: ConfigSource, faults: string[]): NatsAddress | null {
  const { agent, control, credentialsFile, natsCa, name, fingerprint } = value
  if (/^wss?:/.test(agent)) {
    for (const key of ['control', 'credentialsFile', 'natsCa'] as const)
      if (value[key] !== undefined) faults.push(source.fault([key], `has no effect unless agent is ${NATS_SERVER}`))
    return null
  }
  if (control === undefined) faults.push(source.fault(['agent'], 'a NATS server needs `control` too: wss://HOST:PORT'))
  if (name === undefined) faults.push(source.fault(['agent'], 'a NATS server needs `name` too: that of the token'))
  if (fingerprint === undefined)
    faults.push(
      source.fault(['agent'], 'a NATS server needs `fingerprint` too: what the agent signs is checked with it'),
    )
  const access = natsAccess(
    {
      servers: [[['agent'], agent]],
      ca: natsCa === undefined ? null : [['natsCa'], natsCa],
      credentials: credentialsFile === undefined ? null : [['credentialsFile'], credentialsFile],
    },
    source,
    faults,
  )
  return { ...access, name: name ?? '' }
}

function trust(value: AgentSettings, source: ConfigSource, faults: string[]): Trust {
  const { agent, allowPlaintext, fingerprint, ca, tls } = value
  const { protocol, hostname } = new URL(agent)
  if (protocol === 'ws:') {
    if (!isLoopback(hostname) && allowPlaintext !== true)
      faults.push(source.fault(['agent'], 'ws: is accepted only for a loopback address, or with allowPlaintext: true'))
    for (const key of ['fingerprint', 'ca', 'tls'] as const)
      if (value[key] !== undefined) faults.push(source.fault([key], 'has no effect with ws:, wss: is expected'))
  }
  const pinned = fingerprint === undefined ? null : parseFingerprint(fingerprint)
  if (fingerprint !== undefined && pinned === null)
    faults.push(
      source.fault(['fingerprint'], "must be 'sha256:' and the 64 hexadecimal digits of a certificate's SHA-256"),
    )
  if (fingerprint !== undefined && ca !== undefined)
    faults.push(source.fault(['ca'], 'and fingerprint exclude each other: give one of them'))
  const pem = (path: string[], file: string) => {
    const text = readBeside(path, file, source, faults)
    if (text !== '' && !text.includes('-----BEGIN ')) faults.push(source.fault(path, `${file} is not a PEM file`))
    return text
  }
  return {
    fingerprint: pinned,
    ca: ca === undefined ? null : pem(['ca'], ca),
    client: tls === undefined ? null : { cert: pem(['tls', 'cert'], tls.cert), key: pem(['tls', 'key'], tls.key) },
  }
}

function token(
  value: AgentSettings,
  source: ConfigSource,
  environmentToken: string | undefined,
  faults: string[],
): string {
  const text =
    value.tokenFile === undefined
      ? (environmentToken ?? '')
      : readBeside(['tokenFile'], value.tokenFile, source, faults)
  const token = text.trim()
  if (token === '' && faults.length === 0) {
    faults.push(source.fault([], 'lacks a token: tokenFile, or ROOTFERRY_TOKEN in the environment'))
  } else if (token !== '' && !isBearerToken(token)) {
    const accepted = "no token: the one line that 'rootferry-agent token create' printed is expected"
    faults.push(
      value.tokenFile === undefined
        ? source.fault([], `ROOTFERRY_TOKEN in the environment is ${accepted}`)
        : source.fault(['tokenFile'], `holds ${accepted}`),
    )
  }
  return token
}

function readBeside(path: string[], file: string, source: ConfigSource, faults: string[]): string {
  try {
    return readFileSync(source.besideFile(file), 'utf8')
  } catch (error) {
    faults.push(source.fault(path, `cannot be read: ${errorMessage(error)}`))
    return ''
  }
}
