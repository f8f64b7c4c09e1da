/**
 * The agent's identity: the certificate and key that its configuration names, or else a self-signed pair of its own in
 * stateDir, made once.
 *
 * The pair is one file, so that it is whole or absent. Everything is checked before a server uses it, such as a key
 * that does not belong to its certificate, or a file that holds no certificate.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { createSecureContext } from 'node:tls'
import { EXIT, errorMessage, Failure, withFileLock, writeDurably } from '@rootferry/host/machine'
import { fingerprintOf } from '@rootferry/protocol'
import type { AgentConfig } from '../../config/agent-yaml.ts'

export interface CertificateStatus {
  fingerprint: string
  expiresAt: string
}

export interface Identity {
  /** PEM: the certificate, and the certificates between it and the authority. */
  cert: string
  key: string
  /** PEM: the authority that must have signed the certificates of receivers; null: they need no certificate. */
  clientCa: string | null
  /** PEM: the authority that receivers verify the certificate against; null: they pin the certificate. */
  ca: string | null
  status: CertificateStatus
}

/**
 * Null when the agent speaks plain text. Makes the self-signed pair when there is none.
 * @throws Failure (78) with a line that names the file
 */
export async function openIdentity({ tls, stateDir, listen }: AgentConfig, now: Date): Promise<Identity | null> {
  if (tls === null) return null
  const clientCa = tls.clientCa === null ? null : certificatesIn('tls.clientCa', tls.clientCa)
  if (tls.files !== null) {
    const ca = tls.files.ca === null ? null : certificatesIn('tls.ca', tls.files.ca)
    return identity(tls.files.cert, tls.files.key, ca, clientCa)
  }
  const file = join(stateDir, 'identity.pem')
  if (!existsSync(file)) await makeIdentity(file, namesOf(listen.host), now)
  return identity(file, file, null, clientCa)
}

/** The part of an identity that servers need. TLS 1.3 only. */
export function secureContextOptions({ cert, key, clientCa }: Identity) {
  return { cert, key, minVersion: 'TLSv1.3' as const, ...(clientCa === null ? {} : { ca: clientCa }) }
}

async function makeIdentity(file: string, names: string[], now: Date): Promise<void> {
  // Loaded on demand: needed once in the life of an agent, and not small.
  const { makeSelfSigned } = await import('./self-signed.ts')
  const pair = await makeSelfSigned(names, now)
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  withFileLock(file, () => {
    if (!existsSync(file)) writeDurably(file, pair, 0o600)
  })
}

function namesOf(listenHost: string): string[] {
  const isWildcard = listenHost === '0.0.0.0' || listenHost === '::'
  return [...new Set([hostname(), ...(isWildcard ? [] : [listenHost]), 'localhost', '127.0.0.1'])]
}

function identity(certFile: string, keyFile: string, ca: string | null, clientCa: string | null): Identity {
  const cert = certificatesIn('tls.cert', certFile)
  const key = textOf('tls.key', keyFile)
  const certificate = new X509Certificate(cert)
  try {
    if (!certificate.checkPrivateKey(createPrivateKey(key))) throw new Error(`does not belong to ${certFile}`)
    createSecureContext({ cert, key })
  } catch (error) {
    throw bad('tls.key', keyFile, error)
  }
  const expiresAt = certificate.validToDate.toISOString()
  return { cert, key, ca, clientCa, status: { fingerprint: fingerprintOf(certificate.raw), expiresAt } }
}

/** The certificates of a PEM file, without anything else in it. */
function certificatesIn(what: string, file: string): string {
  const blocks = textOf(what, file).match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) throw bad(what, file, new Error('holds no PEM certificate'))
  try {
    for (const block of blocks) new X509Certificate(block)
  } catch (error) {
    throw bad(what, file, error)
  }
  return `${blocks.join('\n')}\n`
}

function textOf(what: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw bad(what, file, error)
  }
}

function bad(what: string, file: string, error: unknown): Failure {
  return new Failure(EXIT.badConfiguration, `${what}: ${file}: ${errorMessage(error)}`, { cause: error })
}
