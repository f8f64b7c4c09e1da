/** The IP version of a text, beside node:net. */
import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import { ipVersion } from './ip-version.ts'

const TEXTS = [
  '',
  'localhost',
  'web1.example',
  '127.0.0.1',
  '127.0.0.256',
  '::1',
  '::',
  ':',
  'fe80::1%eth0',
  'fe80::1%',
]
const MORE = ['::ffff:10.0.0.1', '2001:db8::8:800:200c:417a', '2001:db8:::1', '1:2:3:4:5:6:7:8', 'fe80', '1.2.3.4:80']

test('the IP version of a text is what node:net says', () => {
  for (const text of [...TEXTS, ...MORE]) assert.equal(ipVersion(text), isIP(text), text)
})
