/**
 * Lines that break: at every frame of a changeset and within it, during the upgrade, after the commit but before its
 * acknowledgement; lines that are slow, or silent for longer than the heartbeat allows; and a line that stalls and a
 * line that flaps alongside good ones.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { differences } from '../support/compare-trees.ts'
import { Daemons } from '../support/daemons.ts'
import { Line } from '../support/line.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

/** One receiver behind a line, and several of which some are. */
const pair = new Daemons({ receivers: 1, agentConfig: { compression: 'never' } })
const many = new Daemons({ receivers: 4, agentConfig: { compression: 'never' } })
after(() => Promise.all([pair, many].map((daemons) => daemons[Symbol.asyncDispose]())))

/** changeset, segment, its bytes, commit. */
const FRAMES = 4
const IS_LONG = process.env['ROOTFERRY_LONG'] === '1'
const ROUNDS = IS_LONG ? 20 : 1
const SLOW_BYTES = 256 * 1024

function change(source: string, number: number): void {
  const directory = join(source, `dir-${number % 3}`)
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory)
  for (const name of ['a', 'b', 'c']) writeFileSync(join(directory, name), `${name} of ${number}\n`.repeat(200))
}

async function sequenceOf(): Promise<number> {
  return (await pair.status()).receivers[0]?.sequence ?? Number.NaN
}

test('a line that breaks after any frame of a changeset, or within it: the target becomes right, and no sequence goes back', async () => {
  const site = await Site.on(pair)
  await using line = await Line.to(pair.agentPort)
  await pair.redirect(0, line.port)
  await site.converged()
  let number = 0
  for (let round = 0; round < ROUNDS; round += 1) {
    for (let frame = 1; frame <= FRAMES; frame += 1) {
      for (const isInside of [false, true]) {
        const before = await sequenceOf()
        line.breakAt({ frame, isInside })
        change(site.source, number)
        number += 1
        await until(
          () => !line.isBreakDue,
          () => `no frame ${frame} came`,
        )
        await site.converged()
        assert.ok((await sequenceOf()) > before, `frame ${frame}`)
      }
    }
  }
})

test('a commit whose acknowledgement is lost is not done again', async () => {
  const site = await Site.on(pair)
  await using line = await Line.to(pair.agentPort)
  await pair.redirect(0, line.port)
  await site.converged()
  const content = 'x'.repeat(300_000)
  line.mute()
  writeFileSync(join(site.source, 'page'), content)
  await until(
    () => pair.logs.some(({ msg, added }) => msg === 'changeset committed' && added === 1),
    () => 'it was not committed',
  )
  assert.equal(readFileSync(join(site.targets[0] ?? '', 'page'), 'utf8'), content)
  line.received = 0
  line.cut()
  await site.converged()
  assert.ok(line.received < 8_192, `${line.received} bytes came again`)
})

test('a line that is reset during the upgrade, or in the welcome, again and again: it is dialled until it holds', async () => {
  const site = await Site.on(pair)
  await using line = await Line.to(pair.agentPort)
  await pair.redirect(0, line.port)
  await site.converged()
  line.block()
  change(site.source, 1)
  for (const frame of [0, 1, 0]) {
    line.breakAt({ frame, isInside: true })
    line.unblock()
    await until(
      () => !line.isBreakDue,
      () => 'it did not come back',
    )
  }
  await site.converged()
})

test('over a slow line a change comes whole, and the other receiver does not wait for it', async () => {
  const site = await Site.on(many)
  await using line = await Line.to(many.agentPort)
  await many.redirect(0, line.port)
  await site.converged()
  line.throttle(SLOW_BYTES)
  writeFileSync(join(site.source, 'large'), randomBytes(3 * SLOW_BYTES))
  await until(
    () => isEqual(site, 1),
    () => 'it did not come over the other line',
  )
  assert.ok(!isEqual(site, 0), 'the line was not slow')
  writeFileSync(join(site.source, 'small'), 'on the way meanwhile')
  await until(
    () => isEqual(site, 1),
    () => 'a second change did not come over the other line',
  )
  await site.converged()
})

test('a line that is silent for longer than the heartbeat allows is given up by both ends, and dialled anew', async (t) => {
  if (!IS_LONG) return t.skip('waits for the heartbeat, a minute: ROOTFERRY_LONG=1')
  const site = await Site.on(pair)
  await using line = await Line.to(pair.agentPort)
  await pair.redirect(0, line.port)
  await site.converged()
  line.stall()
  change(site.source, 1)
  const lost = async () => (await pair.status()).receivers[0]
  const { lastError } = await until(
    async () => {
      const receiver = await lost()
      return receiver?.state === 'offline' ? receiver : false
    },
    async () => JSON.stringify(await lost()),
    90_000,
  )
  t.diagnostic(`the agent says: ${lastError}`)
  await until(
    () => pair.logs.some(({ error }) => String(error).startsWith('heartbeat-lost')),
    () => 'the receiver did not say so',
    90_000,
  )
  line.flow()
  await site.converged()
})

test('alongside a line that stalls and one that flaps the others continue', async () => {
  const site = await Site.on(many)
  await using slow = await Line.to(many.agentPort)
  await using flapping = await Line.to(many.agentPort)
  await many.redirect(0, slow.port)
  await many.redirect(1, flapping.port)
  await site.converged()
  slow.stall()
  for (let number = 0; number < 10; number += 1) {
    change(site.source, number)
    flapping.cut()
    await until(
      () => [2, 3].every((healthy) => isEqual(site, healthy)),
      () => `change ${number} did not come to the healthy ones`,
    )
    assert.ok(!isEqual(site, 0), 'the stalled line let something through')
  }
  slow.flow()
  await site.converged()
})

function isEqual({ source, targets }: Site, number: number): boolean {
  try {
    return differences(source, targets[number] ?? '').length === 0
  } catch {
    // Something went away while it was compared: not equal yet.
    return false
  }
}
