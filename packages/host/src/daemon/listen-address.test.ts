/** Addresses as people and URLs write them. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isLoopback } from './listen-address.ts'

describe('a host is loopback', () => {
  const LOOPBACK = ['127.0.0.1', '127.9.8.7', '::1', '[::1]', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', 'localhost']
  for (const host of [...LOOPBACK, new URL('ws://[::1]:8730').hostname, new URL('ws://[::ffff:127.0.0.1]').hostname])
    it(host, () => assert.ok(isLoopback(host)))
})

describe('a host is not loopback', () => {
  for (const host of [
    '0.0.0.0',
    '::',
    '192.0.2.1',
    '[2001:db8::1]',
    '::ffff:192.0.2.1',
    '127.0.0.1.example',
    'localhost.example',
    '',
  ])
    it(JSON.stringify(host), () => assert.ok(!isLoopback(host)))
})
