/** Which addresses count as one network. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { networkOf } from './network-of.ts'

const CASES: Record<string, string> = {
  '192.0.2.7': '192.0.2.7',
  '::ffff:192.0.2.7': '192.0.2.7',
  '2001:db8:1:2:3:4:5:6': '2001:db8:1:2::/64',
  '2001:db8:1:2::6': '2001:db8:1:2::/64',
  '2001:0db8::1': '2001:db8:0:0::/64',
  '::1': '0:0:0:0::/64',
  'fe80::1:2:3%eth0': 'fe80:0:0:0::/64',
  unknown: 'unknown',
}
for (const [address, network] of Object.entries(CASES)) {
  test(`${address} is of ${network}`, () => assert.equal(networkOf(address), network))
}
