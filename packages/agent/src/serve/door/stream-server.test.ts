/**
 * The listener's own clock: a silent connection is told so and dropped. Its other duties are tested with a whole agent.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { createLogger } from '@rootferry/host/daemon'
import { LIMITS, SUBPROTOCOLS } from '@rootferry/protocol'
import WebSocket from 'ws'
import { StreamServer } from './stream-server.ts'
import { mintToken } from './tokens.ts'

test('a receiver that answers no ping is closed with heartbeat-lost; one that answers stays', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval', 'Date'] })
  const { token, sha256 } = mintToken()
  const stored = { name: 'web1', sha256, admin: false, roots: null, createdAt: '' }
  const server = new StreamServer({
    log: createLogger('test', 'json', 'silent', { colour: false, isJournal: false }),
    identity: null,
    compression: () => 'never',
    tokens: () => [stored],
    rootNames: () => [],
    serve: () => assert.fail('no hello was sent'),
  })
  const url = (await server.listen({ host: '127.0.0.1', port: 0 })).replace('http', 'ws')
  const headers = { Authorization: `Bearer ${token}` }
  const dial = (autoPong: boolean) => new WebSocket(`${url}/v1/stream`, [...SUBPROTOCOLS], { headers, autoPong })
  const [silent, alive] = [dial(false), dial(true)]
  try {
    await Promise.all([once(silent, 'open'), once(alive, 'open')])
    const ended = once(silent, 'close')
    for (let elapsedMs = 0; elapsedMs <= LIMITS.deadMs; elapsedMs += LIMITS.pingMs) {
      const pinged = once(alive, 'ping')
      t.mock.timers.tick(LIMITS.pingMs)
      await pinged
    }
    assert.equal((await ended)[0], 4415)
    assert.equal(alive.readyState, WebSocket.OPEN)
  } finally {
    alive.terminate()
    await server.close()
  }
})
