/** The files of examples/regions, as they are, in a network of their own: both regions follow, each from its own server. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { AGENT, RECEIVER } from '../../build/programs.ts'
import { differences } from '../support/compare-trees.ts'
import { withoutNats } from '../support/nats-server.ts'
import { until } from '../support/until.ts'

const CHECKOUT = join(import.meta.dirname, '../..')
const UP = 'ip link set lo up && exec "$@"'

/** The addresses of the example are fixed: only in a network of its own are they free. */
function withoutNetwork(): string | false {
  return spawnSync('unshare', ['-n', 'sh', '-c', UP, '-', 'true']).status === 0 ? false : 'no network of its own here'
}

const skip = withoutNats() || withoutNetwork()

test('examples/regions starts, and brings both regions what is at the source', { skip }, async () => {
  const place = mkdtempSync(join(tmpdir(), 'rootferry-regions-'))
  mkdirSync(join(place, 'source'))
  mkdirSync(join(place, 'bin'))
  for (const [name, program] of Object.entries({ 'rootferry-agent': AGENT, 'rootferry-receiver': RECEIVER }))
    writeFileSync(join(place, 'bin', name), `#!/bin/sh\nexec ${process.execPath} ${program} "$@"\n`, { mode: 0o755 })
  const PATH = `${join(place, 'bin')}:${process.env['PATH']}`
  const words = ['-n', 'sh', '-c', UP, '-', join(CHECKOUT, 'examples/regions/start'), place]
  const example = spawn('unshare', words, { env: { ...process.env, PATH }, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  example.stderr.on('data', (data: Buffer) => {
    said += data.toString()
  })
  try {
    const shown = () =>
      `${said}\n${['agent', 'hub1', 'west1', 'hub', 'west'].map((name) => tail(place, name)).join('\n')}`
    const areEqual = () =>
      ['hub1', 'west1'].every((name) => {
        const target = join(place, name, 'shop')
        return existsSync(target) && differences(join(place, 'source'), target, { ignore: isOwn }).length === 0
      })
    await until(areEqual, shown, 60_000)
    const status = () => statusOf(example, place)
    const regionsOf = () =>
      status().receivers.map(({ name, state, transport, region }) => [name, state, transport, region])
    await until(
      () => regionsOf().every(([, state, transport]) => state === 'live' && transport === 'nats'),
      shown,
      60_000,
    )
    assert.deepEqual(regionsOf(), [
      ['hub1', 'live', 'nats', 'hub'],
      ['west1', 'live', 'nats', 'west'],
    ])
    writeFileSync(join(place, 'source/page.html'), 'news')
    await until(areEqual, shown)
    const [west] = await until(() => {
      const regions = status().roots[0]?.log.regions ?? []
      return regions.every(({ readers }) => readers === 1) && regions
    }, shown)
    assert.deepEqual([west?.name, west?.why], ['west', null])
    const ready = inside(example, 'curl', '-s', 'http://127.0.10.1:8731/v1/ready?root=shop')
    assert.match(ready, /^(hub1|west1) 127\.\S+\n(hub1|west1) 127\.\S+\n$/)
  } finally {
    const exited = once(example, 'exit')
    example.kill()
    await exited
    rmSync(place, { recursive: true, force: true })
  }
})

const isOwn = (path: string) => path === '.rootferry'

interface Status {
  roots: { log: { regions: { name: string; readers: number; why: string | null }[] } }[]
  receivers: { name: string; state: string; transport: string; region: string }[]
}

function statusOf(example: ChildProcess, place: string): Status {
  return JSON.parse(inside(example, process.execPath, AGENT, 'status', '--json', '--config', join(place, 'agent.yaml')))
}

/** What a command says in the network of the example. */
function inside({ pid }: ChildProcess, ...words: string[]): string {
  const { stdout } = spawnSync('nsenter', ['-n', '-t', `${pid}`, ...words], { encoding: 'utf8' })
  return stdout
}

function tail(place: string, name: string): string {
  try {
    return readFileSync(join(place, `${name}.log`), 'utf8')
      .split('\n')
      .slice(-12)
      .join('\n')
  } catch {
    // Not started yet.
    return `${name}: nothing`
  }
}
