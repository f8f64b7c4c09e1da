/** Hard links, where `preserve` says so: names of one file stay names of one file, whatever happens to one of them. */
import assert from 'node:assert/strict'
import {
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { missingProgram, preservedDifferences } from '../support/compare-preserved.ts'
import { Daemons } from '../support/daemons.ts'
import { diskPlace } from '../support/disk-place.ts'
import { namesOf, resyncOf } from '../support/resync-orders.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const lacking = missingProgram()
const daemons = new Daemons({ receivers: 1, place: diskPlace() })
after(() => daemons[Symbol.asyncDispose]())
const PRESERVE = { preserve: { hardLinks: true } }

/** Which names of a tree lead to one file, in a form that compares. */
function groups(root: string, names: readonly string[]): string {
  const byFile = new Map<number, string[]>()
  for (const name of names) {
    const { ino } = lstatSync(join(root, name))
    byFile.set(ino, [...(byFile.get(ino) ?? []), name])
  }
  return [...byFile.values()]
    .map((group) => group.join('='))
    .sort()
    .join(' ')
}

async function linked(site: Site, names: readonly string[]): Promise<void> {
  await site.converged()
  const [target = ''] = site.targets
  await until(
    () => groups(site.source, names) === groups(target, names),
    () => `${groups(site.source, names)}, at the target ${groups(target, names)}`,
  )
  assert.deepEqual(preservedDifferences(site.source, target, 'H'), [])
}

function makeTree(source: string): void {
  mkdirSync(join(source, 'd'))
  writeFileSync(join(source, 'd/a'), 'one')
  linkSync(join(source, 'd/a'), join(source, 'b'))
  linkSync(join(source, 'd/a'), join(source, 'z'))
  writeFileSync(join(source, 'single'), 'one')
}

test('groups stay in step when a name is written to, made, unlinked, renamed and re-created', async (t) => {
  if (lacking !== null) return t.skip(`no ${lacking} here`)
  const site = await Site.on(daemons, { root: PRESERVE, prepare: makeTree })
  const at = (name: string) => join(site.source, name)
  await linked(site, ['d/a', 'b', 'z', 'single'])
  // In place, through one name.
  writeFileSync(at('z'), 'two, longer')
  await linked(site, ['d/a', 'b', 'z', 'single'])
  assert.equal(readFileSync(join(site.targets[0] ?? '', 'b'), 'utf8'), 'two, longer')
  linkSync(at('z'), at('0-first-in-order'))
  linkSync(at('single'), at('d/second'))
  await linked(site, ['d/a', 'b', 'z', '0-first-in-order', 'single', 'd/second'])
  rmSync(at('d/a'))
  await linked(site, ['b', 'z', '0-first-in-order', 'single', 'd/second'])
  renameSync(at('b'), at('d/renamed'))
  await linked(site, ['d/renamed', 'z', '0-first-in-order', 'single', 'd/second'])
  // A file of its own again, with the same bytes and the same time.
  copyFileSync(at('z'), at('copy'))
  const { mtime } = lstatSync(at('z'))
  utimesSync(at('copy'), mtime, mtime)
  renameSync(at('copy'), at('z'))
  await linked(site, ['d/renamed', 'z', '0-first-in-order', 'single', 'd/second'])
  // From one group to another.
  rmSync(at('d/second'))
  linkSync(at('z'), at('d/second'))
  await linked(site, ['d/renamed', 'z', '0-first-in-order', 'single', 'd/second'])
  renameSync(at('d'), at('e'))
  await linked(site, ['e/renamed', 'z', '0-first-in-order', 'single', 'e/second'])
})

test('what changed while the agent or the receiver was away comes too, and a resync finds links that are not right', async (t) => {
  if (lacking !== null) return t.skip(`no ${lacking} here`)
  const site = await Site.on(daemons, { root: PRESERVE, prepare: makeTree })
  const [target = ''] = site.targets
  const names = ['d/a', 'b', 'z', 'single']
  const there = (name: string) => join(target, name)
  await linked(site, names)
  await daemons.killAgent()
  rmSync(join(site.source, 'single'))
  linkSync(join(site.source, 'b'), join(site.source, 'single'))
  await daemons.startAgent()
  await linked(site, names)
  await daemons.killReceiver(0)
  writeFileSync(join(site.source, 'b'), 'written while the receiver was away')
  linkSync(join(site.source, 'b'), join(site.source, 'later'))
  await daemons.startReceiver(0)
  await linked(site, [...names, 'later'])
  // At the target one name becomes a file of its own, and another file a name of this one.
  const { atime, mtime } = lstatSync(there('z'))
  copyFileSync(there('z'), there('copy'))
  utimesSync(there('copy'), atime, mtime)
  renameSync(there('copy'), there('z'))
  const dry = await resyncOf(daemons, 'web1', { check: 'metadata', dryRun: true })
  assert.ok(namesOf(dry).includes('changed z'), JSON.stringify(dry))
  await resyncOf(daemons, 'web1', { check: 'metadata' })
  await linked(site, [...names, 'later'])
})

test('names that are linked at the target alone are parted by a resync; without the setting nothing is linked', async (t) => {
  if (lacking !== null) return t.skip(`no ${lacking} here`)
  const site = await Site.on(daemons, { prepare: makeTree })
  const [target = ''] = site.targets
  await site.converged()
  assert.equal(groups(target, ['d/a', 'b', 'z']), 'b d/a z')
  site.configure(PRESERVE)
  assert.ok(daemons.agent)
  await daemons.hangUp(daemons.agent)
  await linked(site, ['d/a', 'b', 'z', 'single'])
  const { atime, mtime } = lstatSync(join(target, 'single'))
  rmSync(join(target, 'single'))
  linkSync(join(target, 'b'), join(target, 'single'))
  utimesSync(join(target, 'b'), atime, mtime)
  await resyncOf(daemons, 'web1', { check: 'content' })
  await linked(site, ['d/a', 'b', 'z', 'single'])
})
