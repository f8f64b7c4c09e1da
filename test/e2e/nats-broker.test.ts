/** A log on a real NATS server: what is read comes at once, slow lines take their time, and faults are said in words. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { Broker, type LogMessage, type LogStream, MESSAGE_BYTES } from '../../packages/nats/src/index.ts'
import { Line } from '../support/line.ts'
import { NatsServer, withoutNats } from '../support/nats-server.ts'
import { until } from '../support/until.ts'

const skip = withoutNats()
const LIMITS = { maxBytes: 100_000_000, maxAgeMs: 3_600_000, replicas: 1 }
const LARGE = randomBytes(MESSAGE_BYTES)

function connect(port: number): Promise<Broker> {
  const servers = [`nats://127.0.0.1:${port}`]
  return Broker.connect({ servers, ca: null, credentials: null, name: 'test', inbox: null })
}

class Writer {
  readonly stream: LogStream
  at: number

  private constructor(stream: LogStream, at: number) {
    this.stream = stream
    this.at = at
  }

  static async begin(broker: Broker): Promise<Writer> {
    const stream = broker.log('site')
    return new Writer(stream, await stream.ensure(LIMITS))
  }

  /** Resolves when all of them are stored. */
  async write(...sizes: number[]): Promise<void> {
    const stored = sizes.map((size) => {
      const message: LogMessage = {
        ...{ kind: 'part', isBinary: true, part: 0, more: false, signature: null },
        data: LARGE.subarray(0, size),
      }
      const after = this.at
      this.at += 1
      return this.stream.append(message, after, `${after}`)
    })
    await Promise.all(stored)
  }
}

class Reader {
  readonly sizes: number[] = []
  last = 0
  isOver = false
  readonly #stopped = new AbortController()

  constructor(stream: LogStream, from = 1) {
    void this.#read(stream, from)
  }

  stop(): void {
    this.#stopped.abort()
  }

  async #read(stream: LogStream, from: number): Promise<void> {
    for await (const { at, data } of stream.read(from, this.#stopped.signal)) {
      assert.equal(at, this.last === 0 ? from : this.last + 1)
      this.last = at
      this.sizes.push(data.byteLength)
    }
    this.isOver = true
  }
}

const said = (reader: Reader) => () => `read up to ${reader.last}`

test('a large message behind many small ones is read at once', { skip }, async () => {
  await using server = await NatsServer.start()
  const broker = await connect(server.port)
  const writer = await Writer.begin(broker)
  await writer.write(10)
  const reader = new Reader(broker.log('site'))
  for (let times = 0; times < 100; times += 1) await writer.write(...Array<number>(12).fill(400))
  await until(() => reader.last === writer.at, said(reader))
  await writer.write(MESSAGE_BYTES)
  await until(() => reader.last === writer.at, said(reader), 15_000)
  reader.stop()
  await broker.close()
})

test('messages of all sizes are read in their order, and none of them twice', { skip }, async () => {
  await using server = await NatsServer.start()
  const broker = await connect(server.port)
  const writer = await Writer.begin(broker)
  const sizes = Array.from({ length: 120 }, (_, number) => ((number * 7_919) % 5) * 190_000 + 1)
  await writer.write(...sizes)
  const reader = new Reader(broker.log('site'), 11)
  await until(() => reader.last === writer.at, said(reader), 15_000)
  assert.deepEqual(reader.sizes, sizes.slice(10))
  await server.removeStream('RF_site')
  await until(() => reader.isOver, said(reader))
  await broker.close()
})

test('a message that is larger than any of a log does not keep back what comes behind it', { skip }, async () => {
  await using server = await NatsServer.start('max_payload: 4194304')
  const broker = await connect(server.port)
  const writer = await Writer.begin(broker)
  await writer.write(10)
  const stream = broker.log('site')
  const expect = { lastSequence: writer.at }
  await stream.publish(stream.names.subjectOf('part'), randomBytes(3_000_000), { expect })
  writer.at += 1
  await writer.write(10)
  const reader = new Reader(stream)
  await until(() => reader.last === writer.at, said(reader), 15_000)
  assert.deepEqual(reader.sizes, [10, 3_000_000, 10])
  reader.stop()
  await broker.close()
})

test('what takes many seconds on a slow line is stored, and no fault', { skip }, async () => {
  await using server = await NatsServer.start()
  await using line = await Line.to(server.port)
  const broker = await connect(line.port)
  const writer = await Writer.begin(broker)
  line.throttle(300_000)
  // As much as a session has under way.
  await writer.write(MESSAGE_BYTES, MESSAGE_BYTES, MESSAGE_BYTES)
  assert.equal((await writer.stream.extent()).last, 3)
  await broker.close()
})

test('a reader on a slow line is not cut off by the server for what it has asked for', { skip }, async () => {
  await using server = await NatsServer.start('write_deadline: "2s"')
  const broker = await connect(server.port)
  const writer = await Writer.begin(broker)
  await writer.write(...Array<number>(14).fill(MESSAGE_BYTES))
  await using line = await Line.to(server.port)
  const far = await connect(line.port)
  line.throttle(1_200_000)
  const reader = new Reader(far.log('site'))
  await until(() => reader.last === writer.at || far.isOver, said(reader))
  assert.equal(far.isOver, false)
  reader.stop()
  await far.close()
  await broker.close()
})

test('why a server does not take a log is said in words that help', { skip }, async () => {
  const trial = async (settings: string, jetStream: string, limits: object = {}) => {
    await using server = await NatsServer.start(settings, null, jetStream)
    const broker = await connect(server.port)
    const stream = broker.log('site')
    try {
      return await stream.ensure({ ...LIMITS, ...limits }).then(
        () => '',
        (error: Error) => error.message,
      )
    } finally {
      await broker.close()
    }
  }
  assert.match(await trial('', 'max_file_store: 20MB'), /keeps 100 MB free .*maxMegabytes.*max_file_store/)
  assert.match(await trial('', '', { replicas: 3 }), /replicas > 1 not supported/)
  assert.match(await trial('max_payload: 262144', ''), /up to 262144 bytes \(max_payload\)/)
  assert.equal(await trial('', 'max_file_store: 120MB'), '')
})

test('a log that takes most of the room of its server is found there again, with other limits too', {
  skip,
}, async () => {
  await using server = await NatsServer.start('', null, 'max_file_store: 120MB')
  for (const megabytes of [100, 100, 90, 110]) {
    const broker = await connect(server.port)
    const stream = broker.log('site')
    assert.equal(await stream.ensure({ ...LIMITS, maxBytes: megabytes * 1_000_000 }), 0)
    await assert.rejects(stream.ensure({ ...LIMITS, maxBytes: 300_000_000 }), /keeps 300 MB free/)
    await broker.close()
  }
})

test('a stream that somebody has removed has nothing', { skip }, async () => {
  await using server = await NatsServer.start()
  const broker = await connect(server.port)
  const writer = await Writer.begin(broker)
  await writer.write(10, 10)
  assert.equal((await writer.stream.extent()).last, 2)
  await server.removeStream('RF_site')
  assert.equal((await writer.stream.extent()).last, 0)
  await assert.rejects(writer.write(10), /the NATS server has no stream RF_site/)
  await broker.close()
})
