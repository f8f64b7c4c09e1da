/** Settings of a file are changed where they stand; comments, order and every other setting stay. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withSettings } from './yaml-settings.ts'

const FILE = `# of web1
agent: "wss://old:8730"   # the admin server
fingerprint: sha256:0
roots:
  shop: {path: /var/www/shop, protect: ["app/etc/env.php"]}   # ours
`

test('a setting is replaced where it stands, a new one comes behind, and one that goes takes its line along', () => {
  const settings = { agent: 'wss://new:8730', tokenFile: 'token', fingerprint: null, ca: 'agent-ca.pem', tls: null }
  assert.equal(
    withSettings(FILE, settings, 'agent'),
    `# of web1
agent: wss://new:8730   # the admin server
ca: agent-ca.pem
tokenFile: token
roots:
  shop: {path: /var/www/shop, protect: ["app/etc/env.php"]}   # ours
`,
  )
})

test('a last line without an end of its own is no obstacle', () => {
  assert.equal(withSettings('a: 1\nb: 2', { c: 'x' }, 'b'), 'a: 1\nb: 2\nc: x\n')
  assert.equal(withSettings('a: 1\nb: x', { b: null }, 'a'), 'a: 1\n')
})

test('a file in braces, or a setting that is no text, is refused and not damaged', () => {
  for (const text of ['{agent: a, roots: {}}', 'agent: [a]\n'])
    assert.throws(() => withSettings(text, { agent: 'b', ca: 'c' }, 'agent'), /cannot be changed in this file/)
})
