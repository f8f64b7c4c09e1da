/** What a command says of a daemon that answers otherwise than it expects. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import Type from 'typebox'
import { askDaemon } from './ask-daemon.ts'

test('an answer of another version is told as that, with what to do', async (t) => {
  const server = createServer((_, response) => response.end('{"old": true}')).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const asked = askDaemon({ daemon: 'the agent', url, path: '/v1/status', answer: Type.Object({ roots: Type.Null() }) })
  await assert.rejects(asked, { message: /^the agent at .* not understood: .* another version, .*restart/ })
})
