/**
 * Receivers that read an agent's log on a real NATS server: where they begin, what they do when the log cannot bring them
 * on, and that it goes on when any part is killed.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { LogLine } from '../../packages/host/src/daemon/daemon-process.ts'
import { Broker, type Closing } from '../../packages/nats/src/index.ts'
import { testIdentity, WrittenLog, welcomeOf } from '../../packages/nats/test-support/written-log.ts'
import { differences } from '../support/compare-trees.ts'
import { Daemons } from '../support/daemons.ts'
import { NatsServer, withoutNats } from '../support/nats-server.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const skip = withoutNats()
const server = skip === false ? await NatsServer.start() : null
const daemons = new Daemons({
  receivers: 3,
  tls: true,
  receiversLater: true,
  agentConfig: { transport: { nats: { servers: [server?.url ?? ''], maxMegabytes: 20 } } },
})
after(async () => {
  await daemons[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

/** Begins a line of the log of a receiver. */
const UNREAD = 'the log on NATS is not read'
const STRANGER = { servers: [server?.url ?? ''], ca: null, credentials: null, name: 'stranger', inbox: null }

const shown = async () =>
  JSON.stringify([(await daemons.status()).receivers, (await daemons.status()).roots, daemons.logs.slice(-40)])

/** A root of its own, whose log receivers read from `takeUp` on; until then those that run read what is left of another. */
async function begin(prepare?: (source: string, targets: string[]) => void): Promise<Site> {
  const site = await Site.on(daemons, prepare === undefined ? {} : { prepare })
  await written()
  return site
}

/** Receivers take up the root: those that run read their configuration again, others start. */
async function takeUp(site: Site, ...numbers: number[]): Promise<void> {
  for (const number of numbers) {
    daemons.editReceiver(number, ({ agent, control = agent, ...config }) => ({
      ...config,
      agent: server?.url,
      control,
      roots: { [site.name]: { path: site.targets[number] } },
    }))
    const receiver = daemons.receivers[number]
    await (receiver?.isRunning === true ? daemons.hangUp(receiver) : daemons.startReceiver(number))
  }
}

/** Resolves when an empty target needs no agent. */
async function written(): Promise<void> {
  await until(() => daemons.logs.some(({ msg }) => msg === 'a snapshot is stored'), shown)
}

function fill(source: string): void {
  mkdirSync(join(source, 'app'))
  for (let number = 0; number < 50; number += 1)
    writeFileSync(join(source, 'app', `file-${number}`), Buffer.alloc(20_000, `${number} `))
}

/** Resolves when these receivers read the log, and their targets equal the source. */
async function follow(site: Site, ...numbers: number[]): Promise<void> {
  const faults = () =>
    numbers.flatMap((number) => {
      const ignore = (path: string) => path === '.rootferry'
      return differences(site.source, site.targets[number] ?? '', { ignore })
    })
  const all = async () => JSON.stringify([faults().slice(0, 10), await shown()])
  await until(async () => {
    const { receivers } = (await daemons.status()) as unknown as {
      receivers: { name: string; state: string; transport: string }[]
    }
    const areLive = numbers.every((number) => {
      const receiver = receivers.find(({ name }) => name === daemons.names[number])
      return receiver?.state === 'live' && receiver.transport === 'nats'
    })
    return areLive && faults().length === 0
  }, all)
}

test('an empty target begins with a snapshot, follows changes, and dials the agent at no time', { skip }, async () => {
  const site = await begin(fill)
  await takeUp(site, 0, 1)
  await follow(site, 0, 1)
  renameSync(join(site.source, 'app'), join(site.source, 'moved'))
  writeFileSync(join(site.source, 'moved/file-1'), 'other')
  rmSync(join(site.source, 'moved/file-2'))
  writeFileSync(join(site.source, 'large'), Buffer.alloc(12_000_000, 'large '))
  await follow(site, 0, 1)
  assert.equal(
    daemons.logs.filter(({ msg, receiver }) => msg === 'receiver connected' && !String(receiver).startsWith('@'))
      .length,
    0,
  )
  assert.ok(await daemons.ready(0))
})

test('operators hear of the readers of a log, and never of the log as a receiver', { skip }, async () => {
  const site = await begin(fill)
  await takeUp(site, 0)
  await follow(site, 0)
  const hearing = new AbortController()
  const events = await daemons.admin('/v1/events', { signal: hearing.signal })
  let heard = ''
  const listening = (async () => {
    for await (const part of events.body ?? []) heard += Buffer.from(part).toString()
  })().catch(() => undefined)
  writeFileSync(join(site.source, 'app/file-1'), 'news')
  const isReported = () => /event: changeset\ndata: [^\n]*"web1"/.test(heard)
  await until(isReported, async () => `${heard} ${await shown()}`)
  hearing.abort()
  await listening
  assert.doesNotMatch(heard, /@(nats|snapshot)/)
  const status = await daemons.status()
  assert.doesNotMatch(JSON.stringify(status), /@(nats|snapshot)/)
  const [root] = status.roots as unknown as { log: { state: string; readers: number } }[]
  assert.deepEqual([root?.log.state, root?.log.readers], ['publishing', 1])
})

test('with the agent away, receivers join, and those that were behind catch up', { skip }, async () => {
  const site = await begin(fill)
  await takeUp(site, 0)
  await follow(site, 0)
  await daemons.killReceiver(0)
  for (let number = 0; number < 30; number += 1) {
    writeFileSync(join(site.source, `late-${number}`), `${number}`)
    await site.root()
  }
  const { sequence = 0 } = await until(async () => {
    const root = await site.root()
    return (root?.entries.files ?? 0) === 80 && root
  }, shown)
  await until(async () => (await logged(site)) >= sequence, shown)
  await daemons.killAgent()
  await takeUp(site, 0, 1)
  const ignore = (path: string) => path === '.rootferry'
  await until(
    () => [0, 1].every((number) => differences(site.source, site.targets[number] ?? '', { ignore }).length === 0),
    () => JSON.stringify(daemons.logs.slice(-40)),
  )
  await daemons.startAgent()
  await follow(site, 0, 1)
})

/** How far the log is, as the agent knows. */
async function logged(site: Site): Promise<number> {
  const text = await (await daemons.admin('/metrics')).text()
  return Number(new RegExp(`^rootferry_log_sequence\\{root="${site.name}"\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
}

const transportOf = async (number: number) =>
  ((await daemons.receiverRoots(number))[0] as unknown as { transport: string } | undefined)?.transport

test('a target with files and no position is compared over a connection, and then reads the log', {
  skip,
}, async () => {
  const site = await begin((source, targets) => {
    fill(source)
    mkdirSync(join(targets[0] ?? '', 'app'), { recursive: true })
    writeFileSync(join(targets[0] ?? '', 'app/file-1'), 'of another kind')
    writeFileSync(join(targets[0] ?? '', 'stray'), 'x')
  })
  await takeUp(site, 0)
  await follow(site, 0)
  assert.ok(daemons.logs.some(({ msg, receiver }) => msg === 'receiver connected' && receiver === 'web1'))
  writeFileSync(join(site.source, 'app/file-3'), 'read from the log')
  await follow(site, 0)
})

test('a reader that was behind what the log keeps finds that out, is brought up by the agent, and reads again', {
  skip,
}, async () => {
  const site = await begin(fill)
  await takeUp(site, 0)
  await follow(site, 0)
  const receiver = daemons.receivers[0]
  assert.ok(receiver !== null && receiver !== undefined)
  process.kill(receiver.pid, 'SIGSTOP')
  // More than the log holds, in several changesets.
  for (let number = 0; number < 10; number += 1) {
    writeFileSync(join(site.source, `large-${number}`), randomBytes(4_000_000))
    await until(async () => ((await site.root())?.entries.files ?? 0) === 51 + number, shown)
  }
  rmSync(join(site.source, 'app/file-1'))
  await until(async () => (await logged(site)) === (await site.root())?.sequence, shown)
  process.kill(receiver.pid, 'SIGCONT')
  await follow(site, 0)
  assert.ok(
    daemons.logs.some(({ msg, root, why }) => msg.startsWith(UNREAD) && root === site.name && why !== undefined),
    'it dialled the agent',
  )
  // The beginning of the log is gone: an empty target begins with a snapshot that was made since, without the agent.
  const { sequence = 0 } = (await site.root()) ?? {}
  await until(() => daemons.logs.filter(({ msg }) => msg === 'a snapshot is stored').length > 1, shown)
  await until(async () => (await logged(site)) === sequence, shown)
  await daemons.killAgent()
  await takeUp(site, 1)
  const ignore = (path: string) => path === '.rootferry'
  await until(() => differences(site.source, site.targets[1] ?? '', { ignore }).length === 0, shown)
  await daemons.startAgent()
  await follow(site, 0, 1)
})

test('kill -9 of the server, the agent and a receiver within bursts: all converge, and the log goes on', {
  skip,
}, async () => {
  const site = await begin(fill)
  await takeUp(site, 0, 1)
  await follow(site, 0, 1)
  const burst = (name: string) => {
    mkdirSync(join(site.source, name))
    for (let number = 0; number < 200; number += 1)
      writeFileSync(join(site.source, name, `file-${number}`), Buffer.alloc(number * 50, name))
  }
  burst('one')
  await server?.kill()
  burst('two')
  await server?.start()
  burst('three')
  await daemons.killAgent()
  await daemons.startAgent()
  burst('four')
  await daemons.killReceiver(0)
  await takeUp(site, 0)
  burst('five')
  await follow(site, 0, 1)
  await server?.kill()
  await server?.start()
  writeFileSync(join(site.source, 'last'), 'x')
  await follow(site, 0, 1)
})

test('a log that somebody removes is begun anew, and a reader gets what was changed meanwhile from the agent', {
  skip,
}, async () => {
  const site = await begin(fill)
  await takeUp(site, 0)
  await follow(site, 0)
  await server?.removeStream(`RF_${site.name}`)
  writeFileSync(join(site.source, 'app/file-1'), 'meanwhile')
  const ignore = (path: string) => path === '.rootferry'
  await until(() => differences(site.source, site.targets[0] ?? '', { ignore }).length === 0, shown)
})

test('a second agent that would write the same log is refused, and says who writes it', { skip }, async () => {
  const site = await begin(fill)
  await using other = new Daemons({
    receivers: 0,
    tls: true,
    agentConfig: { transport: { nats: { servers: [server?.url ?? ''] } } },
  })
  await other.serve({ name: site.name, agent: { path: site.source }, receivers: [] })
  const log = await until(
    async () => {
      const [root] = (await other.status()).roots as unknown as { log: { state: string; why: string } }[]
      return root?.log.state === 'refused' && root.log
    },
    async () => JSON.stringify(await other.status()),
  )
  assert.match(log.why, /^another agent publishes site\d+ already: /)
  await takeUp(site, 0)
  await follow(site, 0)
})

test('messages of somebody else in the log are not taken: they are reported, and the agent brings what it has to say', {
  skip,
}, async () => {
  const site = await begin(fill)
  await takeUp(site, 0)
  await follow(site, 0)
  writeFileSync(join(site.source, 'app/file-1'), 'in the log')
  await follow(site, 0)
  await forge(site)
  await until(
    () =>
      daemons.logs.some(({ msg, root, level }) => level === 'error' && root === site.name && msg.startsWith(UNREAD)),
    shown,
  )
  // The agent finds them at rest, and those of the second time when it writes.
  const begun = () => daemons.logs.filter(({ msg, start }) => msg === 'the log is written' && start === 'resync').length
  const before = begun()
  await until(() => begun() > before, shown)
  await forge(site)
  writeFileSync(join(site.source, 'app/file-2'), 'of the agent')
  await follow(site, 0)
})

/** Appends the next changeset, with other content, as somebody else. */
async function forge(site: Site): Promise<void> {
  const broker = await Broker.connect(STRANGER)
  const stream = broker.log(site.name)
  const end = await stream.last()
  assert.ok(end !== null)
  const log = new WrittenLog(site.name, testIdentity(1).signer, welcomeOf(end.epoch, end.term, end.sequence), end)
  let { last } = await stream.extent()
  for (const message of log.changeset(end.sequence + 1, Buffer.from('forged'))) {
    await stream.append(message, last, `forged/${last}`)
    last += 1
  }
  await broker.close()
}

test('a snapshot of somebody else is not taken: it is reported, the agent brings the first sync, and makes another one', {
  skip,
}, async () => {
  const site = await begin(fill)
  // It finds that by itself, and may be the first.
  const agent = daemons.agent?.pid
  assert.ok(agent !== undefined)
  process.kill(agent, 'SIGSTOP')
  await forgeSnapshot(site)
  await takeUp(site, 0)
  const isReported = ({ msg, root, why }: LogLine) =>
    msg.startsWith(UNREAD) && root === site.name && /signed by sha256:/.test(String(why))
  await until(() => daemons.logs.some((line) => line.level === 'error' && isReported(line)), shown)
  process.kill(agent, 'SIGCONT')
  const ignore = (path: string) => path === '.rootferry'
  await until(() => differences(site.source, site.targets[0] ?? '', { ignore }).length === 0, shown)
  await until(() => daemons.logs.filter(({ msg }) => msg === 'a snapshot is stored').length > 1, shown)
  await takeUp(site, 1)
  await follow(site, 1)
  assert.ok(!daemons.logs.some(({ msg, receiver }) => msg === 'receiver connected' && receiver === 'web2'))
})

/** Says in the name of somebody else that the newest snapshot is theirs. */
async function forgeSnapshot(site: Site): Promise<void> {
  const broker = await Broker.connect(STRANGER)
  const snapshots = broker.snapshots(site.name)
  const newest = await snapshots.newest()
  assert.ok(newest !== null)
  const { signer } = testIdentity(1)
  const { last } = await snapshots.entries.extent()
  await snapshots.close({ ...(JSON.parse(newest.text) as Closing), certificate: signer.certificate }, signer, last)
  await broker.close()
}

test('a release is shown by readers of the log when it goes, and not before', { skip }, async () => {
  const site = await begin(fill)
  await takeUp(site, 0, 1, 2)
  await follow(site, 0, 1, 2)
  daemons.agentVerb('hold', site.name)
  for (let number = 0; number < 30; number += 1) writeFileSync(join(site.source, `new-${number}`), `${number}`)
  await until(async () => ((await site.root())?.hold?.pending.changes ?? 0) >= 30, shown)
  for (const target of site.targets) assert.ok(!readdirSync(target).includes('new-1'))
  daemons.agentVerb('release', site.name)
  await follow(site, 0, 1, 2)
  for (const number of [0, 1, 2]) assert.ok(await daemons.ready(number))
  assert.equal(await transportOf(0), 'nats')
  daemons.agentVerb('hold', site.name)
  writeFileSync(join(site.source, 'new-1'), 'again')
  await until(async () => ((await site.root())?.hold?.pending.changes ?? 0) >= 1, shown)
  daemons.agentVerb('release', site.name, '--rolling', '1', '--drain', '0s')
  await follow(site, 0, 1, 2)
})

test('a resync that an operator orders reaches a reader of the log, which then reads again', { skip }, async () => {
  const site = await begin(fill)
  await takeUp(site, 0)
  await follow(site, 0)
  writeFileSync(join(site.targets[0] ?? '', 'app/file-1'), 'drift')
  assert.throws(
    () => daemons.agentVerb('resync', '--receiver', 'web1', '--check', 'content', '--wait'),
    ({ status }: { status: number }) => status === 3,
  )
  await follow(site, 0)
})
