/** What a command says of a daemon that answers otherwise than it expects. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import Type from 'typebox'
import { askDaemon } from './ask-daemon.ts'

const IS_LONG = process.env['ROOTFERRY_LONG'] === '1'

test('an answer may take as long as is asked for', async (t) => {
  if (!IS_LONG) return t.skip('waits for longer than clients usually do, five minutes: ROOTFERRY_LONG=1')
  const server = createServer((_, response) => setTimeout(() => response.end('{}'), 310_000)).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const request = { daemon: 'the agent', url, path: '/', body: {}, answer: Type.Object({}), patienceMs: 3_600_000 }
  assert.deepEqual(await askDaemon(request), {})
  assert.deepEqual(
    await askDaemon({ ...request, patienceMs: 20 }).catch(String),
    `Failure: the agent cannot be reached at ${url}: The operation was aborted due to timeout`,
  )
})

test('an answer of another version is told as that, with what to do', async (t) => {
  const server = createServer((_, response) => response.end('{"old": true}')).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const asked = askDaemon({ daemon: 'the agent', url, path: '/v1/status', answer: Type.Object({ roots: Type.Null() }) })
  await assert.rejects(asked, { message: /^the agent at .* not understood: .* another version, .*restart/ })
})

test('what an answer quotes steers no terminal', async (t) => {
  const problem = {
    type: 'about:blank',
    status: 409,
    title: 'Held.',
    code: 'held',
    detail: 'held: a\u001b[31m\nb\\\\c',
  }
  const server = createServer((_, response) => response.writeHead(409).end(JSON.stringify(problem))).listen(
    0,
    '127.0.0.1',
  )
  t.after(() => server.close())
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const asked = askDaemon({ daemon: 'the agent', url, path: '/', answer: Type.Object({}) })
  await assert.rejects(asked, { message: 'held: a\\u001b[31m\\nb\\\\c' })
})
