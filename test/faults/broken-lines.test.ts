/**
 * Lines that break again and again, after so many bytes each time: a first sync of small files in one changeset comes
 * through, and little comes twice. Either side is stopped or killed amid a changeset: what was staged is not sent again.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Daemons } from '../support/daemons.ts'
import { Line } from '../support/line.ts'
import { orderResync, untilResync } from '../support/resync-orders.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const IS_LONG = process.env['ROOTFERRY_LONG'] === '1'
const MB = 1_000_000
const FILE_BYTES = 20_000
const MOST_OF_CONTENT = 1.3
const DEADLINE_MS = 240_000
/** Two lines of a manifest, with three paths of 400 bytes. */
const BYTES_OF_A_RENAME = 2_600

const daemons = new Daemons({ receivers: 1, agentConfig: { compression: 'never' } })
after(() => daemons[Symbol.asyncDispose]())

function makeTree(place: string, bytes: number): void {
  for (let number = 0; number < bytes / FILE_BYTES; number += 1) {
    const directory = join(place, `d${number % 20}`)
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, `f${number}`), randomBytes(FILE_BYTES))
  }
}

/** A receiver that has an empty source, behind a line. */
async function onLine(run: (site: Site, line: Line) => Promise<void>): Promise<void> {
  const site = await Site.on(daemons)
  await using line = await Line.to(daemons.agentPort)
  await daemons.redirect(0, line.port)
  await site.converged()
  line.received = 0
  await run(site, line)
}

/** Recorded before the receiver may come: one changeset. */
async function made(site: Site, line: Line, bytes: number): Promise<void> {
  line.block()
  makeTree(site.source, bytes)
  const files = async () => (await site.root())?.entries.files === bytes / FILE_BYTES
  await until(files, async () => JSON.stringify(await site.root()), DEADLINE_MS)
}

for (const { every, content } of [
  { every: MB, content: (IS_LONG ? 12 : 8) * MB },
  { every: 5 * MB, content: (IS_LONG ? 40 : 12) * MB },
  ...(IS_LONG ? [{ every: 30 * MB, content: 100 * MB }] : []),
]) {
  test(`a line that breaks after every ${every / MB} MB: ${content / MB} MB of small files come through`, async (t) => {
    await onLine(async (site, line) => {
      await made(site, line, content)
      line.breakEvery(every)
      line.unblock()
      await site.inSync(DEADLINE_MS)
      await site.converged()
      t.diagnostic(`${(line.received / content).toFixed(2)} times the content, ${line.breaks} breaks`)
      assert.ok(line.breaks >= Math.floor(content / every) - 1, 'the line broke')
      assert.ok(line.received < MOST_OF_CONTENT * content, `${line.received} bytes came`)
    })
  })
}

const REPAIRED_BYTES = (IS_LONG ? 30 : 3) * MB

test(`a line that breaks after every MB: ${REPAIRED_BYTES / MB} MB that differ on the target are repaired`, async (t) => {
  await onLine(async (site, line) => {
    makeTree(site.source, REPAIRED_BYTES)
    await site.converged(DEADLINE_MS)
    makeTree(site.targets[0] ?? assert.fail(), REPAIRED_BYTES)
    line.received = 0
    line.breakEvery(MB)
    const { id } = await orderResync(daemons, {})
    await untilResync(daemons, id, ({ state }) => state !== 'running', DEADLINE_MS)
    await site.converged(DEADLINE_MS)
    t.diagnostic(`${line.breaks} breaks, ${(line.received / REPAIRED_BYTES).toFixed(2)} times the content`)
    assert.ok(line.breaks >= REPAIRED_BYTES / MB - 1, 'the line broke')
  })
})

const RENAMED = IS_LONG ? 10_000 : 1_200
const RENAME_BREAKS_EVERY = IS_LONG ? MB : MB / 3
/** Names that make a segment of so many changes larger than what comes between two breaks. */
const LONG = 'n'.repeat(200)

function makeLongNames(place: string): void {
  for (let number = 0; number < RENAMED; number += 1) {
    const directory = join(place, `${LONG}-${number % 20}`)
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, `${LONG}-${number}`), `${number}`.repeat(600))
  }
}

test(`a line that breaks amid every segment: a rename of ${RENAMED} files comes through, without their content`, async (t) => {
  await onLine(async (site, line) => {
    makeLongNames(join(site.source, 'before'))
    await until(
      async () => (await site.root())?.entries.files === RENAMED,
      async () => JSON.stringify(await site.root()),
      DEADLINE_MS,
    )
    await site.inSync(DEADLINE_MS)
    line.block()
    const recorded = (await site.root())?.sequence ?? 0
    renameSync(join(site.source, 'before'), join(site.source, 'after'))
    await until(
      async () => ((await site.root())?.sequence ?? 0) >= recorded + 2 * RENAMED,
      async () => JSON.stringify(await site.root()),
      DEADLINE_MS,
    )
    line.received = 0
    line.breakEvery(RENAME_BREAKS_EVERY)
    line.unblock()
    await site.inSync(DEADLINE_MS)
    await site.converged()
    t.diagnostic(`${line.received} bytes, ${(line.received / RENAMED).toFixed(0)} a file, ${line.breaks} breaks`)
    assert.ok(line.received < RENAMED * BYTES_OF_A_RENAME, `${line.received} bytes came`)
  })
})

const CONTENT = 60 * MB
const BYTES_PER_SECOND = CONTENT / 3

for (const { what, act } of [
  {
    what: 'the receiver is stopped',
    isLong: true,
    act: () =>
      restart(
        () => daemons.receivers[0]?.stop(),
        () => daemons.startReceiver(0),
      ),
  },
  {
    what: 'the agent is stopped',
    isLong: true,
    act: () =>
      restart(
        () => daemons.agent?.stop(),
        () => daemons.startAgent(),
      ),
  },
  {
    what: 'the agent is killed',
    act: () =>
      restart(
        () => daemons.killAgent(),
        () => daemons.startAgent(),
      ),
  },
].filter(({ isLong }) => IS_LONG || isLong !== true)) {
  test(`${what} amid a changeset and started again: what was staged is not sent again`, async (t) => {
    await onLine(async (site, line) => {
      await made(site, line, CONTENT)
      line.throttle(BYTES_PER_SECOND)
      line.unblock()
      await until(
        () => line.received > CONTENT / 2,
        () => `${line.received} bytes came`,
        DEADLINE_MS,
      )
      await act()
      await site.inSync(DEADLINE_MS)
      await site.converged()
      t.diagnostic(`${(line.received / CONTENT).toFixed(2)} times the content`)
      assert.ok(line.received < MOST_OF_CONTENT * CONTENT, `${line.received} bytes came`)
    })
  })
}

test('a receiver that is killed amid a changeset loses what came over that connection, and nothing of those before', async (t) => {
  await onLine(async (site, line) => {
    await made(site, line, CONTENT)
    line.throttle(BYTES_PER_SECOND)
    line.unblock()
    await until(
      () => line.received > CONTENT / 2,
      () => `${line.received} bytes came`,
      DEADLINE_MS,
    )
    line.cut()
    await until(
      () => line.received > 0.6 * CONTENT,
      () => `${line.received} bytes came`,
      DEADLINE_MS,
    )
    await daemons.killReceiver(0)
    const before = line.received
    await daemons.startReceiver(0)
    await site.inSync(DEADLINE_MS)
    await site.converged()
    t.diagnostic(`${(line.received / CONTENT).toFixed(2)} times the content`)
    assert.ok(line.received - before < 0.65 * CONTENT, `${line.received - before} bytes came after it`)
  })
})

async function restart(stop: () => Promise<unknown> | undefined, start: () => Promise<void>): Promise<void> {
  await stop()
  await start()
}
