/**
 * How configuration files name NATS servers, how their certificate is checked, and who the daemon is to them. Reads the
 * files that are named; faults are collected with their place.
 *
 * `tls://` insists: the daemon ends a connection that is not TLS. With `nats://` the server decides, and somebody amid the
 * line can decide for it.
 */
import { readFileSync } from 'node:fs'
import { errorMessage } from '../machine/failure.ts'
import type { ConfigSource } from './config-file.ts'

export interface NatsAccess {
  /** All of them tls://, or none. */
  servers: string[]
  /** PEM of the authority that must have signed the servers' certificate; null: one that Node knows. */
  ca: string | null
  /** The content of a credentials file: a `.creds` file, or the seed of an nkey; null: the servers ask for none. */
  credentials: string | null
}

/** A setting: its place in the file, and its value. */
type Setting = readonly [path: readonly string[], value: string]

export const NATS_SERVER = 'nats://HOST:PORT, or tls://HOST:PORT'

const MOST_PORT = 65_535

export function natsAccess(
  { servers, ca, credentials }: { servers: readonly Setting[]; ca: Setting | null; credentials: Setting | null },
  source: ConfigSource,
  faults: string[],
): NatsAccess {
  const report = ([path]: Setting, fault: string | null) => {
    if (fault !== null) faults.push(source.fault(path, fault))
  }
  for (const server of servers) report(server, natsServerFault(server[1]))
  const plain = servers.find(([, server]) => !isTls(server))
  if (plain !== undefined && servers.some(([, server]) => isTls(server)))
    report(plain, 'is not tls:// as others are: all of the servers insist on TLS, or none')
  if (ca !== null && servers.every(([, server]) => !isTls(server)))
    report(ca, 'has no effect with nats://, tls://HOST:PORT is expected')
  const content = (setting: Setting | null, faultOf: (text: string) => string | null) => {
    if (setting === null) return null
    try {
      const text = readFileSync(source.besideFile(setting[1]), 'utf8')
      report(setting, faultOf(text))
      return text
    } catch (error) {
      report(setting, `cannot be read: ${errorMessage(error)}`)
      return null
    }
  }
  return {
    servers: servers.map(([, server]) => server.replace(/\/$/, '')),
    ca: content(ca, (text) => (text.includes('-----BEGIN CERTIFICATE') ? null : `${ca?.[1]} is not a PEM file`)),
    credentials: content(credentials, credentialsFault),
  }
}

function isTls(server: string): boolean {
  return server.startsWith('tls://')
}

/** @returns what is wrong with it; null: nothing */
export function natsServerFault(server: string): string | null {
  const rest = /^(?:nats|tls):\/\/([^/\s]+)\/?$/.exec(server)?.[1] ?? ''
  if (rest.includes('@')) return 'has a user in it: who the daemon is belongs into credentialsFile'
  const port = Number(/:(\d+)$/.exec(rest)?.[1] ?? 1)
  // A URL of a kind whose form is checked.
  const isAddress = rest !== '' && URL.canParse(`http://${rest}`) && !/[?#]/.test(rest) && port > 0 && port <= MOST_PORT
  return isAddress ? null : `must be ${NATS_SERVER}`
}

function credentialsFault(text: string): string | null {
  const isCreds = text.includes('NATS USER JWT') && /^SU[A-Z2-7]{56}$/m.test(text)
  if (isCreds || /^SU[A-Z2-7]{56}$/.test(text.trim())) return null
  return 'holds neither a user JWT with its seed (a .creds file) nor the seed of an nkey (SU…)'
}
