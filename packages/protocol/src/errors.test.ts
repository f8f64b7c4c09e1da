/** The table of close reasons: codes are unique, in range, and lead back to their row. */
import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { CLOSE_REASONS, type CloseReason, closeReasonOf, closeText, ProtocolError } from './errors.ts'

const reasons = Object.keys(CLOSE_REASONS) as CloseReason[]
/** RFC 6455: 1001 is "going away"; 4000–4999 is for private use. */
const GOING_AWAY = 1001

describe('the close reasons', () => {
  it('have unique codes, private ones or "going away"', () => {
    const codes = reasons.map((reason) => CLOSE_REASONS[reason].closeCode)
    assert.equal(new Set(codes).size, codes.length)
    for (const code of codes) assert.ok(code === GOING_AWAY || (code >= 4_000 && code <= 4_999), `${code}`)
  })

  it('have names in kebab-case and a sentence each, no two the same', () => {
    const sentences = reasons.map((reason) => CLOSE_REASONS[reason].sentence)
    assert.equal(new Set(sentences).size, sentences.length)
    for (const reason of reasons) assert.match(reason, /^[a-z]+(-[a-z]+)*$/)
    for (const sentence of sentences) assert.match(sentence, /^[A-Z].*\.$/)
  })

  it('are found again by their code, and by no other', () => {
    for (const reason of reasons) assert.equal(closeReasonOf(CLOSE_REASONS[reason].closeCode), reason)
    for (const code of [0, 1000, 1005, 1006, 1009, 1011, 4000, 4999, Number.NaN])
      assert.equal(closeReasonOf(code), null)
  })

  it('are retryable unless dialling again unchanged cannot help', () => {
    const hopeless = reasons.filter((reason) => !CLOSE_REASONS[reason].retryable)
    assert.deepEqual(hopeless.sort(), [
      'credit-exceeded',
      'limit-exceeded',
      'malformed-message',
      'revoked',
      'root-not-granted',
      'unexpected-message',
      'unknown-root',
    ])
  })
})

describe('a protocol error', () => {
  it('carries the row of its code, its detail and its cause', () => {
    const cause = new Error('why')
    for (const reason of reasons) {
      const error = new ProtocolError(reason, 'the detail', { cause })
      assert.equal(error.code, reason)
      assert.equal(error.closeCode, CLOSE_REASONS[reason].closeCode)
      assert.equal(error.retryable, CLOSE_REASONS[reason].retryable)
      assert.equal(error.message, 'the detail')
      assert.equal(error.cause, cause)
      assert.equal(String(error), 'ProtocolError: the detail')
    }
    assert.equal('cause' in new ProtocolError('revoked', 'x'), false)
  })
})

describe('the text of a close frame', () => {
  it('is the message where that fits, and else as much of its beginning as fits', () => {
    assert.equal(closeText(''), '')
    assert.equal(closeText('x'.repeat(123)), 'x'.repeat(123))
    assert.equal(closeText('x'.repeat(124)), 'x'.repeat(123))
    assert.equal(closeText('\u20ac'.repeat(42)), '\u20ac'.repeat(41))
    assert.equal(closeText(`x${'\u{1f6a2}'.repeat(31)}`), `x${'\u{1f6a2}'.repeat(30)}`)
  })

  it('always fits, is always well-formed, and never ends within a character', () => {
    const law = fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (message) => {
      const text = closeText(message)
      assert.ok(Buffer.byteLength(text) <= 123)
      assert.ok(Buffer.byteLength(text) > Math.min(Buffer.byteLength(message), 123) - 4)
      assert.ok(message.startsWith(text))
    })
    fc.assert(law, { numRuns: 1_000 })
    assert.equal(closeText('a\ud800b'), 'a\ufffdb')
  })
})
