/** `owner`, `mode` and `allowSetuid` of a receiver's root that change: what is there follows, without a resync. */
import assert from 'node:assert/strict'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { getuid } from 'node:process'
import { test } from 'node:test'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = sharedDaemons(1)

const PATHS = ['.', 'app', 'app/env.php', 'index.php', 'run.sh', 'link']

async function start(): Promise<Site> {
  const site = await Site.on(daemons, {
    prepare: (source) => {
      mkdirSync(join(source, 'app'))
      writeFileSync(join(source, 'app/env.php'), 'secret', { mode: 0o600 })
      writeFileSync(join(source, 'index.php'), 'x', { mode: 0o644 })
      writeFileSync(join(source, 'run.sh'), 'x')
      chmodSync(join(source, 'run.sh'), 0o4755)
      symlinkSync('index.php', join(source, 'link'))
    },
  })
  await site.converged(30_000, (path) => path === 'run.sh')
  return site
}

/** Modes, owners and times of all paths. */
function looks(root: string): string[] {
  return PATHS.map((path) => {
    const { mode, uid, gid, mtimeMs } = lstatSync(join(root, path))
    const shown = path === 'link' ? '-' : (mode & 0o7777).toString(8)
    return `${path} ${shown} ${uid}:${gid} ${mtimeMs}`
  })
}

function configure(settings: object): void {
  daemons.editReceiver(0, (config) => ({
    ...config,
    roots: Object.fromEntries(Object.entries(config.roots).map(([name, root]) => [name, { ...root, ...settings }])),
  }))
}

async function follows(site: Site, matches: (look: string[]) => boolean): Promise<void> {
  const [target = ''] = site.targets
  await until(
    () => matches(looks(target)),
    () => looks(target).join('\n'),
  )
}

const says =
  (...parts: string[]) =>
  (look: string[]) =>
    parts.every((part) => look.some((line) => line.startsWith(part)))

test('a changed mode takes effect at a HUP, and at a start, on what is there and what comes; nothing else changes', async () => {
  const site = await start()
  const [target = ''] = site.targets
  const before = looks(target)
  const { ino } = statSync(join(target, 'index.php'))
  configure({ mode: 'D751,F640' })
  const [receiver] = daemons.receivers
  assert.ok(receiver)
  await daemons.hangUp(receiver)
  await follows(site, says('. 751', 'app 751', 'app/env.php 640', 'index.php 640', 'run.sh 640'))
  assert.deepEqual(looks(target).map(timeOf), before.map(timeOf))
  assert.equal(statSync(join(target, 'index.php')).ino, ino, 'no content is sent')
  writeFileSync(join(site.source, 'new.php'), 'new', { mode: 0o600 })
  await until(
    () => (lstatSync(join(target, 'new.php'), { throwIfNoEntry: false })?.mode ?? 0) % 0o1000 === 0o640,
    () => 'the new file did not come',
  )
  const [resynced] = (await daemons.receiverRoots(0)).map(({ differences }) => differences)
  assert.deepEqual(resynced, { missing: 0, changed: 0, extraneous: 0 }, 'a mapping is no drift')
  await daemons.killReceiver(0)
  configure({ mode: 'preserve', allowSetuid: true })
  await daemons.startReceiver(0)
  await follows(site, says('app 755', 'app/env.php 600', 'index.php 644', 'run.sh 4755'))
  await site.converged()
})

test('a changed owner takes effect at a HUP, beside an ordered resync, and after a kill on the way', async (t) => {
  if (getuid?.() !== 0) return t.skip('owners need root')
  const site = await start()
  for (let file = 0; file < 1_000; file += 1) writeFileSync(join(site.source, 'app', `f${file}`), 'x')
  await site.converged(60_000, (path) => path === 'run.sh')
  const [target = ''] = site.targets
  const [receiver] = daemons.receivers
  assert.ok(receiver)
  configure({ owner: '12345:12346' })
  await daemons.hangUp(receiver)
  await daemons.admin('/v1/resyncs', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ dryRun: true, paths: ['app'] }),
  })
  const isGiven = (name: string) => lstatSync(join(target, 'app', name)).uid === 12_345
  await until(
    () => isGiven('f0') && isGiven('f999') && lstatSync(join(target, 'link')).uid === 12_345,
    () => 'owners did not follow',
  )
  configure({ owner: 'preserve' })
  await daemons.hangUp(receiver)
  await daemons.killReceiver(0)
  await daemons.startReceiver(0)
  await site.converged(60_000, (path) => path === 'run.sh')
  utimesSync(join(site.source, 'index.php'), 1, 1)
  await site.converged(60_000, (path) => path === 'run.sh')
  assert.equal(readFileSync(join(target, 'app/env.php'), 'utf8'), 'secret')
})

function timeOf(look: string): string | undefined {
  return look.split(' ').at(-1)
}
