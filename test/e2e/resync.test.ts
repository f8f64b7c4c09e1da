/**
 * Full resyncs as operators order them, by HTTP, on disks; what they wait for and leave alone is in
 * `test/scenes/resync.test.ts` and `resync-live.test.ts`.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  mkdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { cancelResync, namesOf, orderResync, resync, resyncOf, untilResync } from '../support/resync-orders.ts'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'

const daemons = sharedDaemons(2)

const FILES = 40

function fill(source: string): void {
  for (const directory of ['app/deep/er', 'lib', 'media', 'empty', 'still'])
    mkdirSync(join(source, directory), { recursive: true })
  for (let number = 0; number < FILES; number += 1)
    writeFileSync(join(source, 'app', `f${number}`), `content ${number}`)
  writeFileSync(join(source, 'app/deep/er/file'), 'deep')
  writeFileSync(join(source, 'lib/large'), Buffer.alloc(3_000_000, 'large '))
  symlinkSync('app/f1', join(source, 'link'))
}

test('drift of every kind is found exactly, then repaired with nothing sent that was right, then gone', async () => {
  const site = await Site.on(daemons, { prepare: fill })
  await site.converged()
  const [target = ''] = site.targets
  const at = (path: string) => join(target, path)
  const expected: string[] = []
  // The times of the directories above differ too, and are not among the named differences.
  const drift = (what: string, act: () => void) => {
    act()
    expected.push(what)
  }
  drift('missing app/f0', () => rmSync(at('app/f0')))
  drift('changed app/f1', () => appendFileSync(at('app/f1'), ' and more'))
  drift('changed app/f2', () => chmodSync(at('app/f2'), 0o600))
  drift('changed app/f3', () => utimesSync(at('app/f3'), 1e9, 1e9))
  drift('changed lib/large', () => utimesSync(at('lib/large'), 1e9, 1e9))
  drift('extraneous app/stranger', () => writeFileSync(at('app/stranger'), 'unknown'))
  drift('extraneous strange', () => mkdirSync(at('strange/place'), { recursive: true }))
  writeFileSync(at('strange/place/file'), 'unknown too')
  drift('changed app/f4', () => {
    rmSync(at('app/f4'))
    mkdirSync(at('app/f4'))
    writeFileSync(at('app/f4/inside'), 'in the way')
  })
  drift('changed media', () => {
    rmSync(at('media'), { recursive: true })
    symlinkSync('/etc', at('media'))
  })
  drift('changed link', () => {
    rmSync(at('link'))
    symlinkSync('elsewhere', at('link'))
  })
  drift('changed empty', () => chmodSync(at('empty'), 0o700))
  drift('changed still', () => utimesSync(at('still'), 1e9, 1e9))
  drift('missing app/deep', () => rmSync(at('app/deep'), { recursive: true }))
  expected.push('missing app/deep/er', 'missing app/deep/er/file')
  if (process.getuid?.() === 0) drift('changed app/f5', () => chownSync(at('app/f5'), 12, 34))
  const state = execFileSync('find', [target, '-printf', '%p %m %T@ %C@ %s\\n'], { encoding: 'utf8' })

  const seen = await resync(daemons, { dryRun: true, check: 'metadata' })
  const [web1, web2] = [seen.receivers['web1'], seen.receivers['web2']]
  assert.ok(web1 !== undefined && web2 !== undefined && seen.root === site.name)
  assert.deepEqual(namesOf(web1), expected.sort())
  assert.deepEqual(namesOf(web2), [])
  assert.deepEqual([web1.missing + web1.changed + web1.extraneous, web1.repaired], [expected.length, 0])
  assert.equal(web1.checked, FILES + 11)
  assert.equal(execFileSync('find', [target, '-printf', '%p %m %T@ %C@ %s\\n'], { encoding: 'utf8' }), state)

  const mended = await resyncOf(daemons, 'web1', { receivers: ['web1'] })
  assert.deepEqual(namesOf(mended), expected.sort())
  assert.equal(mended.repaired, expected.length)
  const sent = ['app/f0', 'app/f1', 'app/f4', 'app/deep/er/file'].map((path) => statSync(join(site.source, path)).size)
  assert.equal(
    mended.bytes,
    sent.reduce((sum, size) => sum + size),
  )
  await site.converged()
  const trash = site.trashOf(0)
  for (const path of ['app/stranger', 'strange/place/file', 'app/f4/inside']) assert.ok(trash.includes(path), path)
  for (const check of ['metadata', 'content'] as const) {
    assert.deepEqual(namesOf(await resyncOf(daemons, 'web1', { dryRun: true, check })), [])
  }
  const { trash: told, differences } = (await site.receiverRoot(0)) ?? {}
  assert.equal(told?.batches, 1)
  assert.ok((told?.bytes ?? 0) > 20 && told?.oldestAt !== null)
  assert.equal(differences?.missing, 2 * 4)
})

test('one that an absent receiver owes outlives the agent, is cancelled by HTTP, and fails when the token is revoked', async () => {
  const site = await Site.on(daemons, { prepare: fill })
  await site.converged()
  const [target = ''] = site.targets
  await daemons.killReceiver(0)
  rmSync(join(target, 'app/f1'))
  const { id } = await orderResync(daemons, { check: 'content' })
  await untilResync(daemons, id, ({ receivers }) => receivers['web2']?.state === 'done')
  await daemons.agent?.stop()
  await daemons.startAgent()
  const waiting = await untilResync(daemons, id, ({ receivers }) => receivers['web1']?.state === 'pending')
  assert.deepEqual([waiting.state, Object.keys(waiting.receivers)], ['running', ['web1']])
  const other = await orderResync(daemons, { receivers: ['web1'] })
  const cancelled = await cancelResync(daemons, other.id)
  assert.equal(cancelled.state, 'cancelled')
  assert.equal((await cancelResync(daemons, other.id)).finishedAt, cancelled.finishedAt)

  await daemons.startReceiver(0)
  const over = await untilResync(daemons, id, ({ state }) => state !== 'running')
  const { state, missing, repaired } = over.receivers['web1'] ?? {}
  assert.deepEqual([over.state, state, missing, repaired], ['done', 'done', 1, 1])
  await site.converged()

  await daemons.killReceiver(0)
  const never = await orderResync(daemons, { receivers: ['web1'] })
  daemons.agentVerb('token', 'revoke', 'web1')
  const refused = await untilResync(daemons, never.id, ({ state }) => state !== 'running')
  assert.equal(refused.receivers['web1']?.state, 'failed')
})
