/**
 * A relay: the target of one receiver is the root of another agent on the same host, which serves a region. What
 * docs/fleets.md says of it: it converges, also when its daemons are killed, and what its settings have to be.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { differences } from '../support/compare-trees.ts'
import { Daemons } from '../support/daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const central = new Daemons({ receivers: 1 })
const region = new Daemons({ receivers: 2 })
after(() => Promise.all([central, region].map((daemons) => daemons[Symbol.asyncDispose]())))

/** Files of one burst. */
const BURST = 400

interface Relay {
  /** The first hop; its target is the relay. */
  first: Site
  /** The second hop. */
  second: Site
}

async function relayed(options: { central?: object; receiver?: object; region?: object } = {}): Promise<Relay> {
  const first = await Site.on(central, {
    prepare: fill,
    root: options.central ?? {},
    receiverRoot: options.receiver ?? {},
  })
  await first.inSync()
  const [sourceAt = ''] = first.targets
  const second = await Site.on(region, { sourceAt, root: { relay: true, ...options.region } })
  await second.inSync()
  return { first, second }
}

function fill(source: string): void {
  mkdirSync(join(source, 'app/etc'), { recursive: true })
  for (let number = 0; number < 100; number += 1)
    writeFileSync(join(source, 'app', `file-${number}`), Buffer.alloc(3_000, `${number} `))
  writeFileSync(join(source, 'app/etc/env.php'), 'central')
}

function burst(source: string, name: string): void {
  mkdirSync(join(source, name))
  for (let number = 0; number < BURST; number += 1)
    writeFileSync(join(source, name, `file-${number}`), Buffer.alloc(number * 20, name))
}

/** Both hops are at rest, and both regional targets equal the source, but for what belongs to single hosts. */
async function arrived({ first, second }: Relay, ignore = (_path: string) => false): Promise<void> {
  const faults = () =>
    [...first.targets, ...second.targets].flatMap((target) =>
      differences(first.source, target, { ignore: (path) => path === '.rootferry' || ignore(path) }),
    )
  const described = async () =>
    JSON.stringify([faults().slice(0, 20), await central.status(), await region.status(), region.logs.slice(-20)])
  await until(() => faults().length === 0, described)
  await first.inSync()
  await second.inSync()
}

test('changes, a renamed directory and deletions reach a region by a relay, and nothing of its receiver does', async () => {
  const relay = await relayed()
  const { source } = relay.first
  await arrived(relay)
  burst(source, 'new')
  renameSync(join(source, 'app'), join(source, 'moved'))
  writeFileSync(join(source, 'moved/file-1'), 'another content')
  await arrived(relay)
  rmSync(join(source, 'new'), { recursive: true })
  await arrived(relay)
  for (const target of relay.second.targets)
    assert.deepEqual(
      readdirSync(target).sort(),
      ['.rootferry', 'moved'].filter((name) => existsSync(join(target, name))),
    )
})

test('a relay of which both daemons are killed within bursts converges, with the same indexes', async () => {
  const relay = await relayed()
  const { source } = relay.first
  const before = await relay.second.root()
  burst(source, 'one')
  await central.killReceiver(0)
  burst(source, 'two')
  await central.startReceiver(0)
  burst(source, 'three')
  await region.killAgent()
  rmSync(join(source, 'one'), { recursive: true })
  await region.startAgent()
  burst(source, 'four')
  await central.killReceiver(0)
  await region.killAgent()
  writeFileSync(join(source, 'app/file-1'), 'while all of the relay was away')
  await region.startAgent()
  await central.startReceiver(0)
  await arrived(relay)
  assert.equal((await relay.second.root())?.epoch, before?.epoch)
})

test('a mass deletion that was accepted at the source halts a relay with limits of its own, and passes one without', async () => {
  const limits = { maxDeletePercent: 50, minDeletes: 20 }
  for (const [guard, passes] of [
    [limits, false],
    [{ ...limits, maxDeletePercent: 100 }, true],
  ] as const) {
    const relay = await relayed({ central: { guard: limits }, region: { guard } })
    for (let number = 0; number < 90; number += 1) rmSync(join(relay.first.source, 'app', `file-${number}`))
    const state = async (site: Site) => (await site.root())?.state
    const shown = async () => JSON.stringify([await central.status(), await region.status()])
    await until(async () => (await state(relay.first)) === 'halted', shown)
    await relay.first.acceptGuard()
    if (!passes) {
      await until(async () => (await state(relay.second)) === 'halted', shown)
      await relay.second.acceptGuard()
    }
    await arrived(relay)
  }
})

test('what the source excludes and what belongs to the relay alone stay there, when its agent excludes both', async () => {
  const exclude = ['var/cache/']
  const own = ['app/etc/env.php']
  const relay = await relayed({
    central: { exclude },
    receiver: { protect: own },
    region: { exclude: [...exclude, ...own] },
  })
  const [target = ''] = relay.first.targets
  mkdirSync(join(target, 'app/etc'), { recursive: true })
  writeFileSync(join(target, 'app/etc/env.php'), 'relay')
  mkdirSync(join(target, 'var/cache'), { recursive: true })
  writeFileSync(join(target, 'var/cache/page'), 'relay')
  for (const [number, edge] of relay.second.targets.entries())
    writeFileSync(join(edge, 'app/etc/env.php'), `edge ${number}`)
  burst(relay.first.source, 'more')
  await arrived(relay, (path) => [...own, 'var', 'app/etc'].includes(path))
  assert.equal(readFileSync(join(target, 'app/etc/env.php'), 'utf8'), 'relay')
  for (const [number, edge] of relay.second.targets.entries()) {
    assert.equal(readFileSync(join(edge, 'app/etc/env.php'), 'utf8'), `edge ${number}`)
    assert.equal(existsSync(join(edge, 'var/cache')), false)
  }
})

test('resyncs repair each hop by itself: what was repaired in the relay reaches the region', async () => {
  const relay = await relayed()
  const [target = ''] = relay.first.targets
  const [edge = ''] = relay.second.targets
  writeFileSync(join(target, 'app/file-1'), 'drift of the relay')
  writeFileSync(join(target, 'app/stray'), 'drift of the relay')
  await until(
    () => existsSync(join(edge, 'app/stray')),
    () => 'a relay passes on what it is, drift included',
  )
  writeFileSync(join(edge, 'app/file-2'), 'drift of the edge')
  for (const daemons of [central, region])
    assert.throws(
      () => daemons.agentVerb('resync', '--check', 'content', '--wait'),
      ({ status }: { status: number }) => status === 3,
      'it found drift',
    )
  await arrived(relay)
})

test('an agent that is not told so serves no target of a receiver, and takes it up when it is told', async () => {
  const relay = await relayed()
  relay.second.configure({ relay: false })
  assert.ok(region.agent !== null)
  await region.hangUp(region.agent)
  const shown = async () => JSON.stringify(await region.status())
  const reason = /served by another rootferry receiver on this host/
  await until(async () => reason.test((await relay.second.root())?.reason ?? ''), shown)
  relay.second.configure({ relay: true })
  await region.hangUp(region.agent)
  await arrived(relay)
})
