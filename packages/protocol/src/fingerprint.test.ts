/** Fingerprints of certificates: the usual spellings are read, and one is written. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fingerprintOf, parseFingerprint } from './fingerprint.ts'

const digits = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

test('a fingerprint is sha256: and the digest of the DER bytes in hexadecimal', () => {
  assert.equal(fingerprintOf(new Uint8Array()), `sha256:${digits}`)
})

test('capital letters and colons between bytes are accepted', () => {
  const asOpenssl = `SHA256:${digits.toUpperCase().match(/../g)?.join(':')}`
  assert.equal(parseFingerprint(asOpenssl), `sha256:${digits}`)
  assert.equal(parseFingerprint(fingerprintOf(Uint8Array.of(1))), fingerprintOf(Uint8Array.of(1)))
})

test('what is not the digest of a whole certificate is none', () => {
  const wrong = [
    '',
    digits,
    'sha256:',
    `sha256:${digits.slice(2)}`,
    `sha256:${digits}00`,
    `sha1:${digits.slice(0, 40)}`,
  ]
  for (const text of [...wrong, `sha256:${digits.replace('e', 'g')}`, ` sha256:${digits}`]) {
    assert.equal(parseFingerprint(text), null, text)
  }
})
