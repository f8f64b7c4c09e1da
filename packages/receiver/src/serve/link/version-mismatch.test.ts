/** Two ends without a version in common: the sentence names the side to upgrade, also as it comes over the wire. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { DialFailure, dial } from './dial.ts'
import { versionMismatch } from './version-mismatch.ts'

test('the older side is to be upgraded', () => {
  assert.equal(
    versionMismatch('rootferry.v1', ['rootferry.v3', 'rootferry.v2']),
    'the agent speaks rootferry.v1, this receiver rootferry.v3, rootferry.v2: upgrade the agent',
  )
  assert.match(versionMismatch('rootferry.v12, rootferry.v11', ['rootferry.v9']), /: upgrade this receiver$/)
  assert.equal(versionMismatch('', ['rootferry.v1']), 'the agent speaks none of rootferry.v1')
  assert.equal(versionMismatch('nonsense', ['rootferry.v1']), 'the agent speaks nonsense, this receiver rootferry.v1')
})

test('an agent of another time answers 426, and dialling says what helps', async () => {
  const server = createServer().on('upgrade', (_request, socket) => {
    socket.end('HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Protocol: rootferry.v99\r\nConnection: close\r\n\r\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const { port } = server.address() as AddressInfo
    const trust = { fingerprint: null, ca: null, client: null }
    const dialled = dial({ agent: `ws://127.0.0.1:${port}`, token: 'rf_x', trust }, AbortSignal.timeout(10_000))
    await assert.rejects(dialled, (error) => {
      assert.ok(error instanceof DialFailure)
      assert.equal(error.code, 'no-common-version')
      assert.match(
        error.message,
        /^the agent speaks rootferry\.v99, this receiver rootferry\.v\d+(, rootferry\.v\d+)*: upgrade this receiver$/,
      )
      return true
    })
  } finally {
    server.close()
  }
})
