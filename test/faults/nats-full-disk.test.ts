/**
 * The disk of the NATS server is full: what cannot be stored is refused in words that say what to look at, nothing that was
 * acknowledged is lost, and after a restart of the server with room the log goes on.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Broker, type LogStream, MESSAGE_BYTES } from '../../packages/nats/src/index.ts'
import { Mounts } from '../support/mounts.ts'
import { NatsServer, withoutNats } from '../support/nats-server.ts'
import { ownMounts } from '../support/own-mounts.ts'

const LIMITS = { maxBytes: 60_000_000, maxAgeMs: 3_600_000, replicas: 1 }
/** Of the 100 MB; what is left takes some messages. */
const BALLAST_BYTES = 95_000_000

function connect({ url }: NatsServer): Promise<Broker> {
  return Broker.connect({ servers: [url], ca: null, credentials: null, name: 'test', inbox: null })
}

async function append(stream: LogStream, after: number): Promise<void> {
  const data = randomBytes(MESSAGE_BYTES)
  const message = { kind: 'part', isBinary: true, part: 0, more: false, signature: null, data } as const
  await stream.append(message, after, `${after}`)
}

const inside = ownMounts(import.meta.url)
if (inside.isInside) {
  test('a NATS server without room', async (t) => {
    const place = mkdtempSync(join(tmpdir(), 'rootferry-full-'))
    t.after(() => rmSync(place, { recursive: true, force: true }))
    using mounts = new Mounts()
    process.env['TMPDIR'] = mounts.tmpfs(place, 'size=100m')
    await using server = await NatsServer.start()
    let broker = await connect(server)
    let stream = broker.log('site')
    let stored = await stream.ensure(LIMITS)
    const ballast = join(server.place, 'ballast')
    writeFileSync(ballast, Buffer.alloc(BALLAST_BYTES))
    const fills = async () => {
      for (;;) {
        await append(stream, stored)
        stored += 1
      }
    }
    await assert.rejects(fills())
    assert.ok(stored > 0)
    await broker.close()
    broker = await connect(server)
    await assert.rejects(
      broker.log('site').ensure(LIMITS),
      /the NATS server does not answer: has it no room on its disk/,
    )
    await broker.close()
    rmSync(ballast)
    await server.kill()
    await server.start()
    broker = await connect(server)
    stream = broker.log('site')
    assert.equal(await stream.ensure(LIMITS), stored)
    await append(stream, stored)
    let read = 0
    for await (const { at, data } of stream.read(1, new AbortController().signal)) {
      assert.deepEqual([at, data.byteLength], [read + 1, MESSAGE_BYTES])
      read = at
      if (at === stored + 1) break
    }
    await broker.close()
  })
} else {
  test('a NATS server whose disk is full, in a mount namespace of its own', (t) => {
    const why = withoutNats()
    if (why !== false) return t.skip(why)
    const outcome = inside.run()
    if (outcome === null) return t.skip('nothing can be mounted here')
    assert.equal(outcome.failure, '')
  })
}
