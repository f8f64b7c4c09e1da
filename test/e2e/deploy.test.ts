/**
 * A deploy of several changesets and one commit: 10,500 files in the suite, 25,000 with ROOTFERRY_LONG=1. While it becomes
 * visible, somebody looks at the first and the last path of it all the time, in both targets; and a receiver that hangs
 * holds up nobody.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { LIMITS } from '@rootferry/protocol'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const DIRECTORIES = process.env['ROOTFERRY_LONG'] === '1' ? 50 : 21
const FILES_EACH = 500
const CHANGES = DIRECTORIES * FILES_EACH
const LOOK_EVERY_MS = 2

const daemons = sharedDaemons(2)

function write(source: string, version: string, directories = DIRECTORIES): void {
  for (let directory = 0; directory < directories; directory += 1) {
    mkdirSync(join(source, `d${directory}`), { recursive: true })
    for (let file = 0; file < FILES_EACH; file += 1)
      writeFileSync(join(source, `d${directory}/f${file}.php`), `<?php // ${version} of ${file}\n`)
  }
}

interface Answer {
  to: number
  changes: number
  round: string
  receivers: { name: string; state: string; seconds: number | null }[]
}

interface Round {
  root: string
  state: string
  outcome: string
  to: number
  changesets: number
  members: { name: string; state: string }[]
}

async function post(path: string, body: object): Promise<Answer> {
  const headers = { 'content-type': 'application/json' }
  return answerOf(await daemons.admin(path, { method: 'POST', headers, body: JSON.stringify(body) }))
}

async function roundOf({ round }: Answer): Promise<Round> {
  return answerOf(await daemons.admin(`/v1/rounds/${round}`))
}

async function answerOf<Body>(response: Response): Promise<Body> {
  const text = await response.text()
  assert.ok(response.ok, text)
  return JSON.parse(text)
}

/** Looks at the first and the last file of a target, again and again. @returns how long the two were of two versions */
class Visitor {
  readonly #paths: string[]
  #isStopped = false
  mixedMs = 0
  firstMs: number | null = null

  constructor(target: string, directories = DIRECTORIES) {
    this.#paths = [join(target, 'd0/f0.php'), join(target, `d${directories - 1}/f${FILES_EACH - 1}.php`)]
  }

  async watch(): Promise<void> {
    const began = this.#seen()
    let mixedSince: number | null = null
    while (!this.#isStopped) {
      const seen = this.#seen()
      const now = performance.now()
      if (seen !== began) this.firstMs ??= now
      if (seen === 'mixed') mixedSince ??= now
      else if (mixedSince !== null) {
        this.mixedMs += now - mixedSince
        mixedSince = null
      }
      // The processors have other work to do than to be asked.
      await delay(LOOK_EVERY_MS)
    }
  }

  stop(): void {
    this.#isStopped = true
  }

  #seen(): string {
    const versions = this.#paths.map((path) => / (v\d) /.exec(readFileSync(path, 'utf8'))?.[1] ?? '')
    return versions[0] === versions[1] ? (versions[0] ?? '') : 'mixed'
  }
}

test('a deploy of several changesets becomes visible as one, on all receivers together', async (t) => {
  const site = await Site.on(daemons, { prepare: (source) => write(source, 'v1') })
  await site.inSync(120_000)
  await post(`/v1/roots/${site.name}/hold`, { reason: 'deploy' })
  write(site.source, 'v2')
  await until(
    async () => ((await site.root())?.hold?.pending.changes ?? 0) >= CHANGES,
    async () => JSON.stringify(await site.root()),
    60_000,
  )
  const visitors = site.targets.map((target) => new Visitor(target))
  const watching = visitors.map((visitor) => visitor.watch())
  const answer = await post(`/v1/roots/${site.name}/release`, { waitSeconds: 120 })
  for (const visitor of visitors) visitor.stop()
  await Promise.all(watching)
  assert.deepEqual(
    answer.receivers.map(({ state }) => state),
    site.targets.map(() => 'committed'),
  )
  assert.ok(answer.changes >= CHANGES)
  const round = await roundOf(answer)
  assert.deepEqual([round.state, round.to], ['over', answer.to])
  // A burst of so many that takes longer than the round waits for is no loss.
  const states = round.members.map(({ state }) => state)
  assert.ok(
    round.changesets >= CHANGES / LIMITS.changesetChanges &&
      states.every((state) => state === 'committed' || state === 'staged'),
    `${states}`,
  )
  await site.converged(60_000)
  const commits = daemons.logs.filter(({ msg, entries }) => msg === 'changeset committed' && Number(entries) >= CHANGES)
  assert.equal(commits.length, site.targets.length, 'one commit of everything on each receiver')
  const starts = visitors.map(({ firstMs }) => firstMs ?? Number.NaN)
  const mixed = visitors.map(({ mixedMs }) => Math.round(mixedMs))
  t.diagnostic(
    `first changes ${Math.round(Math.max(...starts) - Math.min(...starts))} ms apart; two versions for ${mixed.join(' and ')} ms`,
  )
})

test('an update as WordPress makes it: app servers show the old version, and then the new one', async (t) => {
  const directories = process.env['ROOTFERRY_LONG'] === '1' ? 8 : 3
  const site = await Site.on(daemons, {
    root: { preset: 'wordpress' },
    prepare: (source) => write(source, 'v1', directories),
  })
  await site.inSync(60_000)
  const visitors = site.targets.map((target) => new Visitor(target, directories))
  const watching = visitors.map((visitor) => visitor.watch())
  const flag = join(site.source, '.maintenance')
  writeFileSync(flag, '<?php $upgrading = time();')
  // The updater removes the old version first, and pauses for longer than settling while it unpacks the new one.
  for (let directory = 0; directory < directories; directory += 1)
    rmSync(join(site.source, `d${directory}`), { recursive: true })
  await until(
    async () => ((await site.root())?.hold?.pending.changes ?? 0) >= directories * FILES_EACH,
    async () => JSON.stringify(await site.root()),
  )
  write(site.source, 'v2', directories)
  rmSync(flag)
  await site.converged(60_000)
  for (const visitor of visitors) visitor.stop()
  await Promise.all(watching)
  const { rounds } = await answerOf<{ rounds: Round[] }>(await daemons.admin('/v1/rounds'))
  const states = rounds[0]?.members.map(({ state }) => state) ?? []
  assert.equal(states.length, site.targets.length)
  assert.ok(
    states.every((state) => state === 'committed' || state === 'staged'),
    `${states}`,
  )
  t.diagnostic(`two versions for ${visitors.map(({ mixedMs }) => Math.round(mixedMs)).join(' and ')} ms`)
})

test('a receiver that hangs is left behind, not ready, and holds up nobody', async () => {
  const site = await Site.on(daemons, {
    prepare: (source) => {
      writeFileSync(join(source, 'index.php'), 'v1')
    },
  })
  await site.converged()
  await post(`/v1/roots/${site.name}/hold`, {})
  writeFileSync(join(site.source, 'index.php'), 'v2')
  const [hanging, name] = [daemons.receivers[1], daemons.names[1]]
  assert.ok(hanging != null)
  process.kill(hanging.pid, 'SIGSTOP')
  const answer = await post(`/v1/roots/${site.name}/release`, { waitSeconds: 5, patienceSeconds: 1 })
  assert.equal(readFileSync(join(site.targets[0] ?? '', 'index.php'), 'utf8'), 'v2')
  assert.equal(answer.receivers.find((one) => one.name === name)?.state, 'left-behind')
  const round = await roundOf(answer)
  assert.deepEqual([round.root, round.state, round.outcome], [site.name, 'over', 'partial'])
  assert.equal(round.members.find((one) => one.name === name)?.state, 'unfenced')
  process.kill(hanging.pid, 'SIGCONT')
  await site.converged()
})
