/** A source that is emptied, gone, unmounted or replaced leaves receivers untouched, and the agent's root halted. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { differences } from '../support/compare-trees.ts'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'

function fill(source: string, files = 300): void {
  for (let file = 0; file < files; file += 1) {
    mkdirSync(join(source, `d${file % 10}`), { recursive: true })
    writeFileSync(join(source, `d${file % 10}`, `f${file}`), `content of ${file}`)
  }
}

function empty(directory: string): void {
  for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true })
}

async function halted(rig: Rig, reason: RegExp): Promise<void> {
  const root = async () => (await rig.status()).roots[0]
  await until(
    async () => (await root())?.state === 'halted' && reason.test((await root())?.reason ?? ''),
    async () => JSON.stringify(await root()),
  )
}

/** Copies of the present targets. */
function copies(rig: Rig): string[] {
  return rig.targets.map((target, number) => {
    const copy = join(rig.place, `copy${number}`)
    run('cp', '-a', target, copy)
    return copy
  })
}

function run(...[command = '', ...words]: string[]): void {
  execFileSync(command, words, { stdio: 'pipe' })
}

/** Receivers are connected, or come back from the tree that was closed; nothing was sent, and targets are unchanged. */
async function untouched(rig: Rig, before: string[]): Promise<void> {
  const all = async () => (await rig.status()).receivers
  await until(
    async () => (await all()).every(({ state }) => state === 'live'),
    async () => JSON.stringify(await all()),
  )
  const { receivers, roots } = await rig.status()
  for (const { sequence } of receivers) assert.equal(sequence, roots[0]?.sequence)
  for (const [number, target] of rig.targets.entries()) assert.deepEqual(differences(before[number] ?? '', target), [])
}

test('an emptied source halts the root, over a restart too; put back, it continues by itself', async () => {
  await using rig = await Rig.start({ prepare: (source) => fill(source) })
  await rig.converged()
  const before = copies(rig)
  cpSync(rig.source, `${rig.source}.backup`, { recursive: true, preserveTimestamps: true })
  empty(rig.source)
  await halted(rig, /^emptied: all 310 entries are gone/)
  await untouched(rig, before)
  assert.ok(rig.logs.some(({ level, msg }) => level === 'error' && /halted/.test(String(msg))))

  writeFileSync(join(rig.source, 'meanwhile'), 'a halted root feeds nothing new')
  await rig.killAgent()
  await rig.startAgent()
  await halted(rig, /310 entries/)
  await rig.site.receiversLive()
  await untouched(rig, before)

  cpSync(`${rig.source}.backup`, rig.source, { recursive: true, preserveTimestamps: true })
  await rig.converged()
  assert.ok(rig.logs.some(({ msg }) => msg === 'root is no longer halted'))
})

test('an accepted loss is carried out, and the guard begins anew', async () => {
  await using rig = await Rig.start({ prepare: (source) => fill(source) })
  await rig.converged()
  assert.equal(await rig.site.acceptGuard(), 409)
  empty(rig.source)
  await halted(rig, /^emptied/)
  assert.equal(await rig.site.acceptGuard(), 200)
  await rig.converged()
  writeFileSync(join(rig.source, 'new'), 'new')
  await rig.converged()
  unlinkSync(join(rig.source, 'new'))
  await rig.converged()
})

test('a mass deletion that takes its time halts the root', async () => {
  await using rig = await Rig.start({
    root: { guard: { maxDeletePercent: 20, minDeletes: 30 } },
    prepare: (source) => fill(source),
  })
  await rig.converged()
  for (let file = 0; file < 100; file += 1) {
    unlinkSync(join(rig.source, `d${file % 10}`, `f${file}`))
    if (file % 10 === 9 && (await rig.status()).roots[0]?.state === 'halted') break
  }
  await halted(rig, /^mass deletion: \d+ of 310 entries \(\d+ %\)/)
  const left = rig.targets.map((target) => readdirSync(target, { recursive: true }).length)
  for (const entries of left) assert.ok(entries >= 310 - 62, `${entries} entries left`)
})

test('a moved directory is no deletion', async () => {
  await using rig = await Rig.start({
    root: { guard: { maxDeletePercent: 5, minDeletes: 1 } },
    prepare: (source) => fill(source),
  })
  await rig.converged()
  renameSync(join(rig.source, 'd1'), join(rig.source, 'moved'))
  await rig.converged()
})

test('a source that is gone halts the root, cannot be accepted, and continues when it is back', async () => {
  await using rig = await Rig.start({ prepare: (source) => fill(source) })
  await rig.converged()
  const before = copies(rig)
  renameSync(rig.source, `${rig.source}.away`)
  await halted(rig, /no such file or directory$/)
  assert.equal(await rig.site.acceptGuard(), 503)
  await rig.site.receiversLive()
  await untouched(rig, before)
  renameSync(`${rig.source}.away`, rig.source)
  await rig.converged()
})

test('a wrong path after a restart halts the root until it is accepted or put right', async () => {
  await using rig = await Rig.start({ prepare: (source) => fill(source) })
  await rig.converged()
  const before = copies(rig)
  const other = `${rig.source}.other`
  mkdirSync(other)
  fill(other, 280)
  await rig.killAgent()
  rig.site.configure({ path: other })
  await rig.startAgent()
  await halted(rig, /^replaced: .*another directory/)
  await rig.site.receiversLive()
  await untouched(rig, before)
  await rig.killAgent()
  rig.site.configure({ path: rig.source })
  await rig.startAgent()
  await rig.converged()
  await rig.killAgent()
  rig.site.configure({ path: other })
  await rig.startAgent()
  await halted(rig, /^replaced/)
  assert.equal(await rig.site.acceptGuard(), 200)
  await rig.site.convergedWith(other)
})

test('an unmounted source halts the root, and continues when it is mounted again', async (t) => {
  const place = mkdtempSync(join(tmpdir(), 'rootferry-mount-'))
  const source = join(place, 'source')
  const kept = join(place, 'kept')
  for (const directory of [source, kept]) mkdirSync(directory)
  const mount = (...words: string[]) => spawnSync('mount', words).status === 0
  if (!mount('-t', 'tmpfs', 'tmpfs', source)) return t.skip('mounting is not allowed here')
  try {
    fill(source)
    mount('--bind', source, kept)
    await using rig = await Rig.start({ sourceAt: source })
    await rig.converged()
    const before = copies(rig)
    run('umount', '--lazy', source)
    await halted(rig, /^replaced: another device/)
    await rig.site.receiversLive()
    await untouched(rig, before)
    mount('--bind', kept, source)
    await rig.converged()
  } finally {
    for (const directory of [source, kept]) spawnSync('umount', ['--lazy', directory])
    rmSync(place, { recursive: true, force: true })
  }
})
