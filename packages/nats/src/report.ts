/**
 * What a reader of a log reports of itself, and what the agent tells it alone, sealed with the hash of its token: the agent
 * keeps that hash, and a broker does not know it. So a broker can hold a report back, or repeat an old one, and can say
 * nothing in the name of either.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

interface Sealed {
  report: string
  seal: string
}

/** @param subject to which it is sent: that of the root and the reader. @param hash of the token, see `tokenHash` */
export function sealedReport(report: object, subject: string, hash: string): Sealed {
  const text = JSON.stringify(report)
  return { report: text, seal: sealOf(text, subject, hash).toString('base64url') }
}

/** As the agent keeps it. */
export function tokenHash(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}

/** @returns null when it is not the word of who has that hash, for that subject */
export function openedReport(value: unknown, subject: string, hash: string): unknown {
  const { report, seal } = (value ?? {}) as Partial<Record<keyof Sealed, unknown>>
  if (typeof report !== 'string' || typeof seal !== 'string') return null
  const right = sealOf(report, subject, hash)
  const given = Buffer.from(seal, 'base64url')
  if (given.byteLength !== right.byteLength || !timingSafeEqual(given, right)) return null
  return JSON.parse(report)
}

function sealOf(text: string, subject: string, hash: string): Buffer {
  return createHmac('sha256', hash).update(`rootferry report 1\n${subject}\n${text}`).digest()
}
