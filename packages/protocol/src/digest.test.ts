/** Digests have one spelling, whether the content comes whole or in pieces. */
import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { DigestStream, digestOf } from './digest.ts'

describe('a digest', () => {
  it('is SHA-256 as base64url without padding', () => {
    assert.equal(digestOf(new Uint8Array(0)), '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU')
    assert.equal(digestOf(Buffer.from('abc')), 'ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0')
    const law = fc.property(fc.uint8Array({ maxLength: 200 }), (content) => {
      assert.match(digestOf(content), /^[A-Za-z0-9_-]{43}$/)
      assert.equal(
        Buffer.from(digestOf(content), 'base64url').toString('hex'),
        createHash('sha256').update(content).digest('hex'),
      )
    })
    fc.assert(law)
  })

  it('is of the bytes that a view shows, not of the memory behind it', () => {
    const memory = Buffer.from('xxabcxx')
    assert.equal(digestOf(memory.subarray(2, 5)), digestOf(Buffer.from('abc')))
  })

  it('does not depend on the pieces in which content comes', () => {
    const law = fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }), (pieces) => {
      const stream = new DigestStream()
      for (const piece of pieces) stream.update(piece)
      const whole = Buffer.concat(pieces)
      assert.equal(stream.bytes, whole.byteLength)
      assert.equal(stream.finish(), digestOf(whole))
    })
    fc.assert(law)
  })

  it('ends once', () => {
    const stream = new DigestStream()
    stream.finish()
    assert.throws(() => stream.finish())
    assert.throws(() => stream.update(new Uint8Array(1)))
  })
})
