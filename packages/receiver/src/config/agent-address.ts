/**
 * The part of receiver.yaml that says where the agent is, how the receiver recognizes it, and which token and
 * certificate the receiver shows to it. Reads the files that it names; faults are collected with their place.
 */
import { readFileSync } from 'node:fs'
import { type ConfigSource, isLoopback } from '@rootferry/host/daemon'
import { errorMessage } from '@rootferry/host/machine'
import { parseFingerprint } from '@rootferry/protocol'
import Type, { type Static } from 'typebox'
import type { Address } from '../serve/link/dial.ts'
import type { Trust } from '../serve/link/secure-connection.ts'

const pemFile = (title: string) => Type.String({ minLength: 1, title, description: 'the path of a PEM file' })

/** Keys of receiver.yaml. */
export const AGENT_SETTINGS = {
  agent: Type.String({
    pattern: '^wss?://[^/]+/?$',
    title: 'Where the agent listens for receivers',
    description: 'wss://HOST:PORT, or ws://HOST:PORT',
  }),
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
    Type.String({
      minLength: 1,
      title: 'The file that holds the token of this host; absent: the environment variable ROOTFERRY_TOKEN',
      description: 'the path of a file',
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
type AgentSettings = Static<typeof Settings>

export function agentAddress(
  value: AgentSettings,
  source: ConfigSource,
  environmentToken: string | undefined,
  faults: string[],
): Address {
  return {
    agent: value.agent,
    trust: trust(value, source, faults),
    token: token(value, source, environmentToken, faults),
  }
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
