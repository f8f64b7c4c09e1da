/**
 * Somebody has the NATS server in hand, and has cut a changeset of the agent in two: the beginning is the agent's, with its
 * signature, and what follows is theirs. Nothing of it is ever shown, neither by the receiver that reads it nor when the
 * agent brings that receiver on.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Broker, type LogMessage, type StoredMessage, split } from '../../packages/nats/src/index.ts'
import { encodeMessage } from '../../packages/protocol/src/index.ts'
import { file, segmentOf } from '../../packages/receiver/test-support/test-feed.ts'
import { Daemons } from '../support/daemons.ts'
import { NatsServer, withoutNats } from '../support/nats-server.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const skip = withoutNats()
const server = skip === false ? await NatsServer.start() : null
const url = server?.url ?? ''
const daemons = new Daemons({
  receivers: 1,
  tls: true,
  receiversLater: true,
  agentConfig: { transport: { nats: { servers: [url], maxMegabytes: 20 } } },
})
after(async () => {
  await daemons[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

const shown = async () => JSON.stringify(daemons.logs.slice(-30))
const PAGE = 'app/index.php'
const FORGED = 'of somebody else'

/** A root whose receiver has read its log, and is down; then there was one more changeset, and the agent is down too. */
async function cutOff(): Promise<{ site: Site; page: () => string }> {
  await daemons.killReceiver(0)
  const site = await Site.on(daemons, {
    prepare: (source) => {
      mkdirSync(join(source, 'app'))
      writeFileSync(join(source, PAGE), 'first')
    },
  })
  daemons.editReceiver(0, ({ agent, control = agent, ...config }) => ({
    ...config,
    agent: url,
    control,
    stateDir: `state-${site.name}`,
    roots: { [site.name]: { path: site.targets[0] } },
  }))
  await until(() => daemons.logs.some(({ msg }) => msg === 'a snapshot is stored'), shown)
  await daemons.startReceiver(0)
  await site.converged()
  writeFileSync(join(site.source, PAGE), 'second')
  await site.converged()
  await daemons.killReceiver(0)
  const { sequence = 0 } = (await site.root()) ?? {}
  writeFileSync(join(site.source, PAGE), 'third')
  const broker = await asSomebody()
  await until(async () => ((await broker.log(site.name).last())?.sequence ?? 0) > sequence, shown)
  await broker.close()
  await daemons.killAgent()
  return { site, page: () => readFileSync(join(site.targets[0] ?? '', PAGE), 'utf8') }
}

function asSomebody(): Promise<Broker> {
  return Broker.connect({ servers: [url], ca: null, credentials: null, name: 'somebody', inbox: null })
}

/** The log up to the last beginning of a changeset, and what they have to say then. @returns how far that leads */
async function rewrite(site: Site, forged: (to: number, end: LogMessage[]) => Promise<LogMessage[]>): Promise<void> {
  const broker = await asSomebody()
  const stream = broker.log(site.name)
  const all: StoredMessage[] = []
  const { last } = await stream.extent()
  for await (const message of stream.read(1, new AbortController().signal)) {
    all.push(message)
    if (message.at === last) break
  }
  const begun = all.findLastIndex(({ kind }) => kind === 'head')
  const { sequence = 0 } = (await stream.last()) ?? {}
  await server?.removeStream(stream.names.stream)
  let at = await stream.ensure({ maxBytes: 1e8, maxAgeMs: 3_600_000, replicas: 1 })
  for (const message of [...all.slice(0, begun + 1), ...(await forged(sequence, all.slice(-1)))]) {
    await stream.append(message, at, `forged/${site.name}/${at}`)
    at += 1
  }
  await broker.close()
}

const text = (data: string) => split({ kind: 'part', isBinary: false, data: Buffer.from(data), signature: null })

async function segment(to: number | null): Promise<LogMessage[]> {
  const [said, data] = await segmentOf([file(PAGE, FORGED)], to === null ? {} : { to })
  return [...text(encodeMessage(said)), ...split({ kind: 'part', isBinary: true, data, signature: null })]
}

const isReported = () =>
  daemons.logs.some(({ msg, level }) => level === 'error' && msg.startsWith('the log on NATS is not read'))

for (const [what, order] of [
  ['commit', (to: number) => ({ type: 'commit', to }) as const],
  ['leave', (to: number) => ({ type: 'leave', to }) as const],
] as const)
  test(`a ${what} that nobody has signed is refused amid a changeset`, { skip }, async () => {
    const { site, page } = await cutOff()
    await rewrite(site, async (to) => [...(await segment(null)), ...text(encodeMessage(order(to)))])
    await daemons.startReceiver(0)
    await until(() => isReported() || page() === FORGED, shown)
    assert.equal(page(), 'second')
    await daemons.startAgent()
    await site.converged()
    assert.equal(page(), 'third')
  })

test('what somebody else has had staged is dropped when that comes to light, and not built on by the agent', {
  skip,
}, async () => {
  const { site, page } = await cutOff()
  await rewrite(site, async (to, end) => [...(await segment(to)), ...end])
  await daemons.startReceiver(0)
  await until(isReported, shown)
  await daemons.startAgent()
  await until(() => page() !== 'second', shown)
  assert.equal(page(), 'third')
})
