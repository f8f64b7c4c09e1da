/**
 * The guard as operators meet it: by the status, by HTTP, and with a filesystem that is unmounted. Everything else about
 * it is in `test/scenes/guard.test.ts`.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { differences } from '../support/compare-trees.ts'
import { Daemons } from '../support/daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = new Daemons()
after(() => daemons[Symbol.asyncDispose]())

function fill(source: string): void {
  for (let file = 0; file < 300; file += 1) {
    mkdirSync(join(source, `d${file % 10}`), { recursive: true })
    writeFileSync(join(source, `d${file % 10}`, `f${file}`), `content of ${file}`)
  }
}

function empty(directory: string): void {
  for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true })
}

async function halted(site: Site, reason: RegExp): Promise<void> {
  await until(
    async () => {
      const root = await site.root()
      return root?.state === 'halted' && reason.test(root.reason ?? '')
    },
    async () => JSON.stringify(await site.root()),
  )
}

/** Copies of the present targets. */
function copies(site: Site): string[] {
  return site.targets.map((target, number) => {
    const copy = join(site.place, `copy${number}`)
    execFileSync('cp', ['-a', target, copy])
    return copy
  })
}

/** Receivers are connected, or come back from the tree that was closed; nothing was sent, and targets are unchanged. */
async function untouched(site: Site, before: string[]): Promise<void> {
  await site.receiversLive()
  const { receivers, roots } = await daemons.status()
  for (const { sequence } of receivers) assert.equal(sequence, roots[0]?.sequence)
  for (const [number, target] of site.targets.entries()) assert.deepEqual(differences(before[number] ?? '', target), [])
}

test('an emptied source halts the root, over a restart too; what is lost is accepted, what is gone is not, and it continues', async () => {
  const site = await Site.on(daemons, { prepare: fill })
  await site.converged()
  assert.equal(await site.acceptGuard(), 409)
  const before = copies(site)
  const backup = join(site.place, 'backup')
  cpSync(site.source, backup, { recursive: true, preserveTimestamps: true })
  empty(site.source)
  await halted(site, /^emptied: all 310 entries are gone/)
  await untouched(site, before)
  assert.ok(daemons.logs.some(({ level, msg }) => level === 'error' && /halted/.test(String(msg))))

  await daemons.killAgent()
  await daemons.startAgent()
  await halted(site, /310 entries/)
  await untouched(site, before)
  cpSync(backup, site.source, { recursive: true, preserveTimestamps: true })
  await site.converged()
  assert.ok(daemons.logs.some(({ msg }) => msg === 'root is no longer halted'))

  renameSync(site.source, `${site.source}.away`)
  await halted(site, /no such file or directory$/)
  assert.equal(await site.acceptGuard(), 503)
  renameSync(`${site.source}.away`, site.source)
  await site.converged()
  empty(site.source)
  await halted(site, /^emptied/)
  assert.equal(await site.acceptGuard(), 200)
  await site.converged()
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
    const site = await Site.on(daemons, { sourceAt: source })
    await site.converged()
    const before = copies(site)
    execFileSync('umount', ['--lazy', source])
    await halted(site, /^replaced: another device/)
    await site.receiversLive()
    await untouched(site, before)
    mount('--bind', kept, source)
    await site.converged()
  } finally {
    await daemons[Symbol.asyncDispose]()
    for (const directory of [source, kept]) spawnSync('umount', ['--lazy', directory])
    rmSync(place, { recursive: true, force: true })
  }
})
