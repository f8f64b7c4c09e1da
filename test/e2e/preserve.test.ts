/** ACLs and extended attributes, where `preserve` says so: in a first sync, live, after a restart, and in resyncs. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { aclsOf, missingProgram, preservedDifferences, xattrsOf } from '../support/compare-preserved.ts'
import { Daemons } from '../support/daemons.ts'
import { diskPlace } from '../support/disk-place.ts'
import { namesOf, resyncOf } from '../support/resync-orders.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const lacking = missingProgram()
const daemons = new Daemons({ receivers: 1, place: diskPlace() })
after(() => daemons[Symbol.asyncDispose]())

const PRESERVE = { preserve: { acls: true, xattrs: true } }
const setfacl = (...rest: string[]) => execFileSync('setfacl', rest)
const setfattr = (...rest: string[]) => execFileSync('setfattr', rest)

function makeTree(source: string): void {
  mkdirSync(join(source, 'media/deep'), { recursive: true })
  writeFileSync(join(source, 'index.php'), 'index', { mode: 0o640 })
  writeFileSync(join(source, 'media/a.jpg'), 'picture')
  writeFileSync(join(source, 'media/plain.jpg'), 'picture without an ACL')
  setfacl('-m', 'u:33:r,g:1234:rw', join(source, 'index.php'))
  setfacl('-m', 'u:4321:rwx', join(source, 'media'))
  setfacl('-d', '-m', 'u:33:rwx,g:1234:rx', join(source, 'media'))
  writeFileSync(join(source, 'media/handed-down.jpg'), 'has what its directory hands down')
  mkdirSync(join(source, 'media/handed-down'))
  setfattr('-n', 'user.origin', '-v', '0x00ff0a22', join(source, 'media/a.jpg'))
  setfattr('-n', 'user.tag', '-v', 'x', join(source, 'media/deep'))
  setfattr('-n', 'user.empty', join(source, 'index.php'))
}

interface Changes {
  changes: { path: string; changed: string[] }[]
}

async function equal(site: Site): Promise<void> {
  await site.converged()
  const [target = ''] = site.targets
  await until(
    () => preservedDifferences(site.source, target, 'AX').length === 0,
    () => preservedDifferences(site.source, target, 'AX').join('\n'),
  )
}

test('a first sync and every later change bring ACLs and attributes, set and removed', async (t) => {
  if (lacking !== null) return t.skip(`no ${lacking} here`)
  const site = await Site.on(daemons, { root: PRESERVE, prepare: makeTree })
  await equal(site)
  assert.ok(aclsOf(site.targets[0] ?? '').some((block) => block.includes('default:user:33:rwx')))
  const at = (name: string) => join(site.source, name)
  setfacl('-m', 'u:99:rwx', at('media/plain.jpg'))
  setfacl('-k', at('media'))
  setfacl('-b', at('index.php'))
  setfattr('-x', 'user.tag', at('media/deep'))
  setfattr('-n', 'user.origin', '-v', 'other', at('media/a.jpg'))
  await equal(site)
  const { changes } = (await (await daemons.admin(`/v1/roots/${site.name}/changes`)).json()) as Changes
  const changed = (path: string) => changes.find((change) => change.path === path)?.changed
  assert.deepEqual([changed('media/a.jpg'), changed('media/deep'), changed('media')], [['xattr'], ['xattr'], ['acl']])
  // A new version of a file, which may lose its attributes, and new things in a directory that hands an ACL down.
  writeFileSync(at('index.php'), 'a new version')
  setfacl('-d', '-m', 'u:7:rwx', at('media/deep'))
  writeFileSync(at('media/deep/inherits'), 'x')
  writeFileSync(at('media/deep/plain'), 'y')
  setfacl('-b', at('media/deep/plain'))
  await equal(site)
})

test('changes while the agent is away are found when it starts, and drift of a target by a resync', async (t) => {
  if (lacking !== null) return t.skip(`no ${lacking} here`)
  const site = await Site.on(daemons, { root: PRESERVE, prepare: makeTree })
  await equal(site)
  await daemons.killAgent()
  setfacl('-m', 'u:1001:r', join(site.source, 'media/plain.jpg'))
  setfattr('-n', 'user.later', '-v', '1', join(site.source, 'media'))
  await daemons.startAgent()
  await equal(site)
  const [target = ''] = site.targets
  setfacl('-b', join(target, 'index.php'))
  setfacl('-m', 'u:5:rwx', join(target, 'media/deep'))
  setfattr('-n', 'user.stray', '-v', '1', join(target, 'media/a.jpg'))
  const dry = await resyncOf(daemons, 'web1', { check: 'metadata', dryRun: true })
  assert.deepEqual(namesOf(dry), ['changed index.php', 'changed media/a.jpg', 'changed media/deep'])
  const done = await resyncOf(daemons, 'web1', { check: 'metadata' })
  assert.equal(done.repaired, 3)
  assert.equal(done.bytes, 0, 'no content is sent for attributes')
  await equal(site)
})

test('nothing is carried by default; switched on, what is there follows, and the other kinds are left alone', async (t) => {
  if (lacking !== null) return t.skip(`no ${lacking} here`)
  const site = await Site.on(daemons, { prepare: makeTree })
  await site.converged()
  const [target = ''] = site.targets
  const file = join(target, 'media/plain.jpg')
  assert.deepEqual(xattrsOf(target), [])
  assert.equal(aclsOf(target).join().includes('4321'), false)
  setfacl('-m', 'u:77:rwx', file)
  setfattr('-n', 'user.own', '-v', '1', file)
  site.configure({ preserve: { acls: true } })
  assert.ok(daemons.agent)
  await daemons.hangUp(daemons.agent)
  await until(
    () => preservedDifferences(site.source, target, 'A').length === 0,
    () => preservedDifferences(site.source, target, 'A').join('\n'),
  )
  assert.match(xattrsOf(target).join('\n'), /user\.own/, 'extended attributes are not preserved, and so not touched')
})

test('a receiver that cannot set them owes the paths with a code, holds their content, and is right when it can', async (t) => {
  if (lacking !== null) return t.skip(`no ${lacking} here`)
  const site = await Site.on(daemons, { root: PRESERVE })
  await site.converged()
  daemons.editReceiver(0, (config) => ({ ...config, systemCalls: 'portable' }))
  await daemons.killReceiver(0)
  await daemons.startReceiver(0)
  makeTree(site.source)
  const owed = async () => {
    const receivers = (await daemons.status()).receivers as unknown as {
      owed: { count: number; paths: { code: string }[] }
    }[]
    return receivers[0]?.owed
  }
  await until(
    async () => (await owed())?.count === 6,
    async () => JSON.stringify(await daemons.status()),
  )
  assert.deepEqual([...new Set((await owed())?.paths.map(({ code }) => code))], ['ENOTSUP'])
  await site.converged()
  daemons.editReceiver(0, (config) => ({ ...config, systemCalls: 'auto' }))
  await daemons.killReceiver(0)
  await daemons.startReceiver(0)
  await equal(site)
})
