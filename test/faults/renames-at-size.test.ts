/**
 * Renames of whole directories, at a size that no changeset holds: they cost no content, live and after a time apart,
 * over a restart of the agent, and with either backend that watches by events. What moves out of an excluded place is
 * new to receivers and travels once; what moves into one costs nothing. In the suite 5,500 files, which are 11,000 changes,
 * without the time apart, and with one backend, as ROOTFERRY_SEED or chance selects it; 100,000 and both with
 * ROOTFERRY_LONG=1.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Daemons } from '../support/daemons.ts'
import { Line } from '../support/line.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const IS_LONG = process.env['ROOTFERRY_LONG'] === '1'
const TURN = Number(process.env['ROOTFERRY_SEED'] ?? Math.floor(Math.random() * 2)) % 2
const FILES = IS_LONG ? 100_000 : 5_500
const FILES_OF_A_DIRECTORY = 250
const CONTENT_BYTES = 3_000
/** Two lines of a manifest a file: that it is there, and that it is not where it was. */
const BYTES_OF_A_RENAME = 600
const DEADLINE_MS = FILES * 8

const daemons = new Daemons({ receivers: 1, agentConfig: { compression: 'never' } })
after(() => daemons[Symbol.asyncDispose]())

/** No two files are alike. */
function makeTree(place: string): void {
  const bytes = randomBytes(CONTENT_BYTES)
  for (let number = 0; number < FILES; number += 1) {
    const directory = join(place, `d${Math.floor(number / FILES_OF_A_DIRECTORY)}`)
    if (number % FILES_OF_A_DIRECTORY === 0) mkdirSync(directory, { recursive: true })
    bytes.writeUInt32BE(number)
    writeFileSync(join(directory, `f${number}`), bytes)
  }
}

interface Cost {
  bytes: number
  seconds: number
}

interface Bench {
  site: Site
  line: Line
  /** Bytes that come while `act` makes that many changes and until all is in sync again, and how long that takes. */
  cost(changes: number, act: () => void): Promise<Cost>
}

async function onBench(
  root: object,
  joins: 'is empty' | 'has the tree already',
  run: (bench: Bench) => Promise<void>,
): Promise<void> {
  const prepare = (source: string, [target = '']: string[]) => {
    makeTree(join(source, 'releases/1'))
    mkdirSync(join(source, 'kept'))
    if (joins === 'has the tree already') execFileSync('cp', ['-a', source, target])
  }
  const site = await Site.on(daemons, { prepare, root: { guard: { maxDeletePercent: 100 }, ...root } })
  await using line = await Line.to(daemons.agentPort)
  await daemons.redirect(0, line.port)
  await inSync(site)
  await run({
    site,
    line,
    async cost(changes, act) {
      line.received = 0
      const before = (await site.root())?.sequence ?? 0
      const began = performance.now()
      act()
      await recorded(site, before + changes)
      line.unblock()
      await site.inSync(DEADLINE_MS)
      const seconds = (performance.now() - began) / 1_000
      await inSync(site)
      return { bytes: line.received, seconds }
    },
  })
}

async function recorded(site: Site, sequence: number): Promise<void> {
  const isThere = async () => {
    const root = await site.root()
    return root?.state === 'ready' && root.sequence >= sequence
  }
  await until(isThere, async () => JSON.stringify(await site.root()), DEADLINE_MS)
}

/** The trees are compared once: at every look it would take longer than the rename. */
async function inSync(site: Site): Promise<void> {
  await site.inSync(DEADLINE_MS)
  await site.converged(DEADLINE_MS, (path) => path === 'kept')
}

function isCheap(t: { diagnostic(message: string): void }, what: string, { bytes, seconds }: Cost): void {
  t.diagnostic(`${what}: ${bytes} bytes, ${(bytes / FILES).toFixed(0)} a file, ${seconds.toFixed(1)} s`)
  assert.ok(bytes < FILES * BYTES_OF_A_RENAME, `${what}: ${bytes} bytes came for ${FILES} files`)
}

const BACKENDS = [
  { backend: 'chokidar', joins: 'has the tree already' },
  { backend: 'directory', joins: 'is empty' },
] as const

for (const { backend, joins } of BACKENDS.filter((_, number) => IS_LONG || number === TURN)) {
  test(`a directory of ${FILES} files is renamed: no content travels (${backend}, a receiver that ${joins})`, async (t) => {
    await onBench({ watch: { backend } }, joins, async ({ site, line, cost }) => {
      const rename = (from: string, to: string) => renameSync(join(site.source, from), join(site.source, to))
      isCheap(t, 'live', await cost(2 * FILES, () => rename('releases/1', 'releases/2')))
      line.block()
      // A restart of the agent is a time apart too.
      if (IS_LONG) isCheap(t, 'away', await cost(2 * FILES, () => rename('releases/2', 'releases/3')))
      line.block()
      const before = (await site.root())?.sequence ?? 0
      rename(IS_LONG ? 'releases/3' : 'releases/2', 'releases/1')
      await recorded(site, before + 2 * FILES)
      await daemons.agent?.stop()
      await daemons.startAgent()
      isCheap(t, 'over a restart of the agent', await cost(0, () => line.unblock()))
    })
  })
}

test('into an excluded place a rename costs nothing; out of it the content travels once', async (t) => {
  await onBench({ exclude: ['/kept/'] }, 'is empty', async ({ site, cost }) => {
    const [inside, outside] = [join(site.source, 'kept/1'), join(site.source, 'releases/1')]
    isCheap(t, 'into it', await cost(FILES, () => renameSync(outside, inside)))
    const out = await cost(FILES, () => renameSync(inside, outside))
    t.diagnostic(`out of it: ${out.bytes} bytes, ${out.seconds.toFixed(1)} s`)
    assert.ok(out.bytes < 1.3 * FILES * CONTENT_BYTES, `${out.bytes} bytes came`)
  })
})
