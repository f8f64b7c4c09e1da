/** The table of close reasons: codes are unique, in range, and lead back to their row. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CLOSE_REASONS, type CloseReason, closeReasonOf, ProtocolError } from './errors.ts'

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

  it('are retryable unless dialling again unchanged can not help', () => {
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
