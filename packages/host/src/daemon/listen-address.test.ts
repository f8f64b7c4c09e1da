/** Addresses as people and URLs write them. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isLoopback, isSamePlace, parseListenAddress } from './listen-address.ts'

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

describe('what is no address to listen on', () => {
  for (const text of [
    '*:80',
    ':80',
    '80',
    '::1:80',
    '[:::]:80',
    '[1.2.3.4]:80',
    '300.1.1.1:80',
    '1:80',
    '-a:80',
    'a b:80',
    'a:65536',
  ])
    it(text, () => assert.equal(parseListenAddress(text), null))
})

it('names and addresses of both versions can be listened on', () => {
  const texts = ['0.0.0.0:0', '[::]:65535', '[::ffff:127.0.0.1]:1', 'localhost:80', 'web-1.\u00fc_x.internal:80']
  const hosts = ['0.0.0.0', '::', '::ffff:127.0.0.1', 'localhost', 'web-1.\u00fc_x.internal']
  assert.deepEqual(
    texts.map((text) => parseListenAddress(text)?.host),
    hosts,
  )
})

it('two listeners are in one place when one of them holds all addresses of the other', () => {
  const at = (host: string, port = 80) => ({ host, port })
  assert.ok(isSamePlace(at('127.0.0.1'), at('0.0.0.0')))
  assert.ok(isSamePlace(at('::'), at('127.0.0.1')))
  assert.ok(!isSamePlace(at('0.0.0.0'), at('::1')))
  assert.ok(!isSamePlace(at('127.0.0.1'), at('127.0.0.2')))
  assert.ok(!isSamePlace(at('::', 0), at('::', 0)))
})
