/**
 * The name of a certificate where it is pinned: `sha256:` and 64 hexadecimal digits, the SHA-256 of its DER bytes.
 * Capital letters and colons between bytes, as openssl prints them, are accepted; the printed form has neither.
 */
import { hash } from 'node:crypto'

/** @param der the certificate as it travels in a TLS handshake */
export function fingerprintOf(der: Uint8Array): string {
  return `sha256:${hash('sha256', der, 'hex')}`
}

/** @returns the fingerprint as `fingerprintOf` writes it, or null when the text is not a fingerprint */
export function parseFingerprint(text: string): string | null {
  const match = /^sha256:([0-9a-f]{2}(?::?[0-9a-f]{2}){31})$/i.exec(text)
  return match?.[1] === undefined ? null : `sha256:${match[1].replaceAll(':', '').toLowerCase()}`
}
