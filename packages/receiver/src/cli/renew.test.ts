/** What an invitation changes in a receiver.yaml that is there. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settingsFrom } from './renew.ts'

const control = 'wss://admin.internal:8730'
const fingerprint = `sha256:${'0'.repeat(64)}`
const INVITATION = { agent: control, fingerprint, ca: null, name: 'web1', token: 'rf_x', roots: ['shop'] }

test('a host that follows by WebSocket goes on so, and a reader of the log stays one', () => {
  assert.deepEqual(settingsFrom(INVITATION, {}), { agent: control, fingerprint, ca: null })
  assert.deepEqual(settingsFrom(INVITATION, { control: 'wss://old' }), { control, name: 'web1', fingerprint, ca: null })
})

test('an invitation of a reader makes the host one, with the name of its token', () => {
  const invitation = { ...INVITATION, nats: { server: 'nats://10.0.0.5:4222', ca: null, seed: 'SU' } }
  const reader = { agent: 'nats://10.0.0.5:4222', control, name: 'web1', natsCa: null, fingerprint, ca: null }
  assert.deepEqual(settingsFrom(invitation, {}), reader)
})
