/**
 * The cost of many readers of a log on NATS: a real agent and a real server, and readers that have no disk. They take every
 * message, check no signature, and report each end as receivers do.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { mintToken } from '../../packages/agent/src/serve/door/tokens.ts'
import { Broker, type Closing, logNames, sealedReport, tokenHash } from '../../packages/nats/src/index.ts'
import { Daemons } from '../../test/support/daemons.ts'
import { NatsServer } from '../../test/support/nats-server.ts'
import { until } from '../../test/support/until.ts'
import { processorSeconds } from '../processor-time.ts'
import { ownRow, percentile, type Row } from '../result-rows.ts'

const CHANGES = 30
const PAUSE_MS = 1_000
const FILES = 100

export function readers(sizes: readonly number[]) {
  return async (): Promise<Row[]> => {
    const rows: Row[] = []
    for (const size of sizes) rows.push(await costOf(size))
    return rows
  }
}

async function costOf(size: number): Promise<Row> {
  await using server = await NatsServer.start()
  await using fleet = new Daemons({
    receivers: 0,
    tls: true,
    agentConfig: { transport: { nats: { servers: [server.url] } } },
  })
  const source = join(fleet.place, 'source')
  mkdirSync(source)
  for (let number = 0; number < FILES; number += 1) writeFileSync(join(source, `file-${number}`), `${number}`)
  await fleet.serve({ name: 'site', agent: { path: source }, receivers: [] })
  const tokens = addTokens(join(fleet.place, 'agent/tokens.json'), size)
  await until(
    () => fleet.logs.some(({ msg }) => msg === 'a snapshot is stored'),
    () => 'no snapshot',
  )
  const all = await Promise.all(tokens.map((token, number) => Reader.begin(server.url, `web${number}`, token)))
  const shown = async () =>
    (await (await fleet.admin('/metrics')).text())
      .split('\n')
      .filter((line) => /_log_/.test(line))
      .join('\n')
  await until(async () => (await shown()).includes(`rootferry_log_readers{root="site"} ${size}`), shown, 60_000)
  const pids = { agent: [fleet.agent?.pid], server: [server.pid] }
  const before = { agent: processorSeconds(pids.agent), server: processorSeconds(pids.server) }
  const samples: number[] = []
  for (let change = 0; change < CHANGES; change += 1) {
    const arrived = all.map((reader) => reader.next())
    const began = performance.now()
    writeFileSync(join(source, `file-${change}`), `change ${change}`)
    await Promise.all(arrived)
    samples.push(performance.now() - began)
    await delay(PAUSE_MS)
  }
  const cost = (who: 'agent' | 'server') => ((processorSeconds(pids[who]) - before[who]) * 1000) / CHANGES
  const text = [
    `agent ${cost('agent').toFixed(0)} ms, ${megabytes(fleet.agent?.pid)} MB`,
    `server ${cost('server').toFixed(0)} ms, ${megabytes(server.pid)} MB`,
    `last reader ${percentile(samples, 0.5).toFixed(0)} ms (p50), ${percentile(samples, 0.95).toFixed(0)} ms (p95)`,
  ].join(' · ')
  for (const reader of all) reader.end()
  return ownRow(
    `${size} readers of a log, a change a second: processor time a change, memory, save → last reader`,
    text,
    '',
  )
}

class Reader {
  readonly #broker: Broker
  readonly #stopped = new AbortController()
  #came = Promise.withResolvers<void>()

  private constructor(broker: Broker) {
    this.#broker = broker
  }

  static async begin(url: string, name: string, token: string): Promise<Reader> {
    const broker = await Broker.connect({ servers: [url], ca: null, credentials: null, name, inbox: null })
    const reader = new Reader(broker)
    const newest = await broker.snapshots('site').newest()
    if (newest === null) throw new Error('there is no snapshot')
    const at = JSON.parse(newest.text) as Closing
    const subject = logNames('site').ackOf(name)
    const said = {
      epoch: at.epoch,
      staged: 0,
      left: -1,
      live: true,
      ready: true,
      error: null,
      region: null,
      address: null,
    }
    const report = (sequence: number) =>
      broker.tell(subject, sealedReport({ ...said, committed: sequence, durable: sequence }, subject, tokenHash(token)))
    report(at.sequence)
    const follow = async () => {
      for await (const message of broker.log('site').read(at.logAt + 1, reader.#stopped.signal)) {
        if (message.kind !== 'end') continue
        const { to } = JSON.parse(JSON.parse(Buffer.from(message.data).toString()).message) as { to: number }
        reader.#came.resolve()
        report(to)
      }
    }
    void follow()
    return reader
  }

  /** Resolves when the next changeset is there. */
  async next(): Promise<void> {
    this.#came = Promise.withResolvers()
    await this.#came.promise
  }

  end(): void {
    this.#stopped.abort()
    void this.#broker.close()
  }
}

/** As many `token create` would: each of those starts a process. */
function addTokens(file: string, size: number): string[] {
  const kept = JSON.parse(readFileSync(file, 'utf8')) as { tokens: object[] }
  const made = Array.from({ length: size }, mintToken)
  const createdAt = new Date().toISOString()
  for (const [number, { sha256 }] of made.entries())
    kept.tokens.push({ name: `web${number}`, admin: false, roots: null, sha256, createdAt })
  writeFileSync(file, JSON.stringify(kept))
  return made.map(({ token }) => token)
}

function megabytes(pid: number | undefined): string {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return (Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024).toFixed(0)
}
