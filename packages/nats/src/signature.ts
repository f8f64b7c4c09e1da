/**
 * What the agent signs in a log, and how a receiver checks it: the broker carries everything, and is trusted with
 * nothing but delivery.
 *
 *   begin: signed by itself; it names the position from which the log leads on
 *   head: signed by itself; it names epoch, term, base, the position that it builds on, and the certificate
 *   seal, end: signed over a chain of hashes that begins with the head and covers every frame since
 *   closing: signed by itself; it names the position to which a snapshot leads, and the message of the log behind it
 *
 * So nothing can be added, left out, put in another order or brought from another root, and an old message again does
 * not build on a receiver's position. What a broker can do is to deliver late, or not at all.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  verify,
  X509Certificate,
} from 'node:crypto'
import { fingerprintOf } from '@rootferry/protocol'

/** A message of the log is not what the agent signed. */
export class Forged extends Error {
  override name = 'Forged'
}

type Signed = 'begin' | 'head' | 'end' | 'closing'

export interface Signer {
  /** DER, as base64. */
  readonly certificate: string
  sign(what: Signed, text: string): string
  /** Whether this key has signed the text. */
  hasSigned(what: Signed, text: string, signature: string): boolean
}

/** @param pem certificate with its private key */
export function signerOf(pem: { cert: string; key: string }): Signer {
  const key = createPrivateKey(pem.key)
  const certificate = new X509Certificate(pem.cert).raw.toString('base64')
  const open = createPublicKey(key)
  return {
    certificate,
    sign: (what, text) => sign(digestOf(key), signed(what, text), key).toString('base64'),
    hasSigned: (what, text, signature) =>
      verify(digestOf(open), signed(what, text), open, Buffer.from(signature, 'base64')),
  }
}

/** Checks signatures of the agent whose certificate has that fingerprint. */
export class Verifier {
  readonly #fingerprint: string
  #known: { certificate: string; key: KeyObject } | null = null

  readonly #now: () => Date

  constructor(fingerprint: string, now: () => Date = () => new Date()) {
    this.#fingerprint = fingerprint
    this.#now = now
  }

  /** @throws Forged when the certificate is not the pinned one, or the signature is not its */
  head(text: string, certificate: string, signature: string): void {
    this.#know(certificate)
    this.#check('head', text, signature)
  }

  /** Of a beginning of the log. @throws Forged as for a head */
  begin(text: string, certificate: string, signature: string): void {
    this.#know(certificate)
    this.#check('begin', text, signature)
  }

  /** Of a snapshot. @throws Forged as for a head */
  closing(text: string, certificate: string, signature: string): void {
    this.#know(certificate)
    this.#check('closing', text, signature)
  }

  /** @throws Forged, also before any head */
  end(text: string, signature: string): void {
    this.#check('end', text, signature)
  }

  #know(certificate: string): void {
    if (this.#known?.certificate !== certificate) this.#known = { certificate, key: this.#keyOf(certificate) }
  }

  #check(what: Signed, text: string, signature: string): void {
    const key = this.#known?.key
    if (key === undefined || !verify(digestOf(key), signed(what, text), key, Buffer.from(signature, 'base64')))
      throw new Forged(`the signature of a message of the log (${what}) is not the agent's`)
  }

  #keyOf(certificate: string): KeyObject {
    const der = Buffer.from(certificate, 'base64')
    if (fingerprintOf(der) !== this.#fingerprint)
      throw new Forged(`the log is signed by ${fingerprintOf(der)}, and not by the pinned ${this.#fingerprint}`)
    try {
      const certificate = new X509Certificate(der)
      if (this.#now() > certificate.validToDate) throw new Forged('the certificate that signs the log has expired')
      return certificate.publicKey
    } catch (error) {
      if (error instanceof Forged) throw error
      throw new Forged('the certificate in the log cannot be read', { cause: error })
    }
  }
}

/** The hashes of a changeset's frames, or of a series, in order. */
export class Chain {
  #hash = createHash('sha256')

  add(isBinary: boolean, data: Uint8Array): void {
    const prefix = Buffer.alloc(9)
    prefix.writeUInt8(isBinary ? 1 : 0)
    prefix.writeDoubleBE(data.byteLength, 1)
    this.#hash.update(prefix).update(data)
  }

  get digest(): string {
    return this.#hash.copy().digest('base64url')
  }
}

function signed(what: string, text: string): Buffer {
  return Buffer.from(`rootferry log ${what} 1\n${text}`)
}

function digestOf(key: KeyObject): string | null {
  return key.asymmetricKeyType?.startsWith('ed') === true ? null : 'sha256'
}
