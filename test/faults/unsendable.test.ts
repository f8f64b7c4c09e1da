/**
 * Nothing that somebody with write access to the docroot can make there keeps a receiver from its changes: the longest
 * names of characters that a message must escape, files larger than a message can say, times beyond all calendars, and
 * more bytes than a double counts. The tree is on tmpfs, which allows all of them.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Daemons } from '../support/daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const MEMORY = '/dev/shm'
const place = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'rootferry-unsendable-'))
const daemons = new Daemons({ receivers: 1, place })
after(async () => {
  await daemons[Symbol.asyncDispose]()
  rmSync(place, { recursive: true, force: true })
})

/** Each of these takes six characters of JSON. */
const ESCAPED = '\u0001'
const SIZES = { large: `${2 ** 40 + 1}`, absurd: '7E' }
const LEVELS = 14
const FILES = 200
const TEBIBYTE = 2 ** 40
/** Together more than 2^53 bytes. */
const SPARSE_FILES = 2 ** 13 + 8

/** Files whose paths have about 3,700 characters, each of which a message must escape. */
function makeLongNames(source: string, content: string): void {
  const deep = join(source, ...Array.from({ length: LEVELS }, () => ESCAPED.repeat(250)))
  mkdirSync(deep, { recursive: true })
  for (let number = 0; number < FILES; number += 1)
    writeFileSync(join(deep, `${ESCAPED.repeat(100)}${number}`), `${content} ${number}`)
}

test('the longest names of escaped characters arrive, and are asked for again when a receiver lost them', async () => {
  const prepare = (source: string, [target = '']: string[]) => {
    makeLongNames(source, 'present')
    cpSync(source, target, { recursive: true, preserveTimestamps: true })
    // Of another size each: all are wanted.
    makeLongNames(target, 'another')
    makeLongNames(target, 'a longer')
  }
  const site = await Site.on(daemons, { prepare })
  const state = async () => (await daemons.status()).receivers[0]?.state
  await until(
    async () => (await state()) === 'awaiting-accept',
    async () => String(await state()),
  )
  daemons.receiverVerb(0, 'accept', site.name)
  await site.converged(60_000)
  makeLongNames(site.source, 'changed')
  const deep = join(site.source, ESCAPED.repeat(250))
  for (let number = 0; number < FILES; number += 1)
    symlinkSync(ESCAPED.repeat(4_000), join(deep, `${ESCAPED.repeat(100)}${number}`))
  await site.converged(60_000)
})

test('a file larger than can be sent is a problem of its path, whatever time it has; all others arrive', async (t) => {
  const prepare = (source: string) => {
    mkdirSync(join(source, 'times'))
    execFileSync('touch', ['-d', '@9223372036854775', join(source, 'times/late'), join(source, 'times')])
    writeFileSync(join(source, 'other'), 'arrives')
    for (const [name, size] of Object.entries(SIZES)) {
      const { status } = spawnSync('truncate', ['-s', size, join(source, name)])
      if (status === 0) continue
      t.diagnostic(`no file of ${size} here`)
      rmSync(join(source, name), { force: true })
    }
  }
  const site = await Site.on(daemons, { prepare })
  // Times that a receiver's filesystem cannot hold differ there.
  await site.converged(60_000, (path) => path === 'large' || path === 'absurd' || path.startsWith('times'))
  assert.ok(existsSync(join(site.targets[0] ?? '', 'times/late')))
  const problems = (await site.root())?.problems ?? []
  const named = Object.keys(SIZES).filter((name) => existsSync(join(site.source, name)))
  assert.deepEqual(
    problems.map(({ path, code }) => [path, code]).sort(),
    named.map((name) => [name, 'too-large']).sort(),
  )
  for (const name of named) truncateSync(join(site.source, name), 10)
  // What receivers have of a file that becomes too large stays.
  spawnSync('truncate', ['-s', SIZES.large, join(site.source, 'other')])
  await until(
    async () => (await site.root())?.problems.some(({ path }) => path === 'other') === true,
    () => 'it is not named',
  )
  assert.equal(readFileSync(join(site.targets[0] ?? '', 'other'), 'utf8'), 'arrives')
  truncateSync(join(site.source, 'other'), 3)
  await site.converged(60_000, (path) => path.startsWith('times'))
  await until(
    async () => (await site.root())?.problems.length === 0,
    async () => JSON.stringify((await site.root())?.problems),
  )
})

test('more bytes than a number of a message holds keep nobody away, before and after a restart of the agent', async () => {
  const prepare = (source: string) => {
    mkdirSync(join(source, 'sparse'))
    for (let number = 0; number < SPARSE_FILES; number += 1) {
      writeFileSync(join(source, 'sparse', `${number}`), '')
      truncateSync(join(source, 'sparse', `${number}`), TEBIBYTE)
    }
  }
  const site = await Site.on(daemons, { prepare })
  await until(
    async () => (await site.root())?.state === 'ready',
    async () => JSON.stringify(await site.root()),
    60_000,
  )
  assert.ok(((await site.root())?.entries.bytes ?? 0) > Number.MAX_SAFE_INTEGER)
  const isConnected = async () => (await daemons.status()).receivers[0]?.state === 'replaying'
  for (const when of ['at first', 'after a restart']) {
    await until(isConnected, async () => `${when}: ${JSON.stringify((await daemons.status()).receivers)}`, 60_000)
    if (when !== 'at first') return
    await daemons.agent?.stop()
    await daemons.startAgent()
  }
})
