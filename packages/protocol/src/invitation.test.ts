/** Invitations survive being carried by hand, and are accepted whole or not at all. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeInvitation, encodeInvitation, type Invitation } from './invitation.ts'

const sample: Invitation = {
  agent: 'wss://admin.internal:8730',
  fingerprint: `sha256:${'0f'.repeat(32)}`,
  ca: null,
  name: 'web1',
  token: 'rf_abc-DEF_123',
  roots: ['shop', 'blog'],
}

test('decode(encode(invitation)) is the invitation, with white space around it too', () => {
  fc.assert(
    fc.property(
      fc.record({
        roots: fc.array(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/)),
        ca: fc.constantFrom(null, 'PEM'),
        nats: fc
          .constantFrom(null, 'PEM')
          .map((ca) => ({ server: 'tls://nats:4222', ca, seed: `SU${'A7'.repeat(28)}` })),
      }),
      (part) => {
        const invitation = { ...sample, ...part }
        assert.deepEqual(decodeInvitation(` ${encodeInvitation(invitation)}\n`), invitation)
      },
    ),
  )
})

test('it is one line that needs no quoting in a shell', () => {
  assert.match(encodeInvitation(sample), /^rfjoin1_[A-Za-z0-9_-]+$/)
})

test('cut off anywhere it is not an invitation', () => {
  const text = encodeInvitation(sample)
  for (let length = 0; length < text.length; length += 1) assert.equal(decodeInvitation(text.slice(0, length)), null)
})

test('a field too many, too few, or out of its bounds makes it none', () => {
  const { roots: _, ...less } = sample
  const wrong = [
    less,
    { ...sample, more: 1 },
    { ...sample, agent: 'http://a' },
    { ...sample, nats: { server: 'wss://nats', ca: null, seed: `SU${'A7'.repeat(28)}` } },
    { ...sample, nats: { server: 'nats://nats:4222', ca: null, seed: 'SU' } },
    { ...sample, token: 'a b' },
    null,
    1,
    'x',
  ]
  for (const value of [...wrong, { ...sample, fingerprint: 'sha256:00' }, { ...sample, name: '../a' }]) {
    const text = `rfjoin1_${Buffer.from(JSON.stringify(value)).toString('base64url')}`
    assert.equal(decodeInvitation(text), null, JSON.stringify(value))
  }
})
