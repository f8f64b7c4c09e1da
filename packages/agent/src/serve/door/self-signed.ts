/**
 * Makes a self-signed certificate: an ECDSA key on P-256, valid for ten years, for the names by which the agent is
 * reached.
 *
 * Receivers pin it by its fingerprint, so it is never renewed by itself: to them another certificate is another agent.
 * It is not an authority: it can sign nothing but itself.
 */
import { KeyObject, randomBytes, X509Certificate } from 'node:crypto'
import { ipVersion } from '@rootferry/host/daemon'
import { Integer, OctetString, Utf8String } from 'asn1js'
import { AttributeTypeAndValue, BasicConstraints, Certificate, Extension, GeneralName, GeneralNames } from 'pkijs'

const COMMON_NAME = '2.5.4.3'
const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17'
const BASIC_CONSTRAINTS = '2.5.29.19'
/** Choices of GeneralName, RFC 5280 4.2.1.6. */
const DNS_NAME = 2
const IP_ADDRESS = 7

const DAY_MS = 86_400_000
const VALID_DAYS = 3_650
/** The clocks of app servers may be behind. */
const BACKDATED_DAYS = 1

/** @returns private key and certificate, PEM, one after the other */
export async function makeSelfSigned(names: readonly string[], now: Date): Promise<string> {
  const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
  const certificate = new Certificate()
  certificate.version = 2
  certificate.serialNumber = new Integer({ valueHex: serialNumber() })
  for (const { typesAndValues } of [certificate.issuer, certificate.subject]) {
    const value = new Utf8String({ value: 'Rootferry agent' })
    typesAndValues.push(new AttributeTypeAndValue({ type: COMMON_NAME, value }))
  }
  certificate.notBefore.value = new Date(now.getTime() - BACKDATED_DAYS * DAY_MS)
  certificate.notAfter.value = new Date(now.getTime() + VALID_DAYS * DAY_MS)
  certificate.extensions = [
    extension(BASIC_CONSTRAINTS, true, new BasicConstraints({ cA: false })),
    extension(SUBJECT_ALTERNATIVE_NAME, false, new GeneralNames({ names: names.map(generalName) })),
  ]
  await certificate.subjectPublicKeyInfo.importKey(keys.publicKey)
  await certificate.sign(keys.privateKey, 'SHA-256')
  const key = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' })
  const der = Buffer.from(certificate.toSchema(true).toBER())
  return `${key.toString()}${new X509Certificate(der).toString()}`
}

function extension(extnID: string, critical: boolean, value: BasicConstraints | GeneralNames): Extension {
  return new Extension({ extnID, critical, extnValue: value.toSchema().toBER() })
}

function generalName(name: string): GeneralName {
  if (ipVersion(name) === 0) return new GeneralName({ type: DNS_NAME, value: name })
  return new GeneralName({ type: IP_ADDRESS, value: new OctetString({ valueHex: addressBytes(name).buffer }) })
}

/** Positive, and always of the same length: the first bit is 0 and the second 1. */
function serialNumber(): ArrayBuffer {
  const bytes = new Uint8Array(randomBytes(16))
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes.buffer
}

/** 4 bytes of an IPv4, 16 of an IPv6 address. */
function addressBytes(address: string): Uint8Array<ArrayBuffer> {
  if (ipVersion(address) === 4) return new Uint8Array(address.split('.').map(Number))
  // The URL parser writes every form of an IPv6 address in one way, without an IPv4 part.
  const [head = '', tail = ''] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const groupsOf = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)))
  const [first, last] = [groupsOf(head), groupsOf(tail)]
  const zeros = new Array<number>(8 - first.length - last.length).fill(0)
  return new Uint8Array([...first, ...zeros, ...last].flatMap((group) => [group >> 8, group & 0xff]))
}
