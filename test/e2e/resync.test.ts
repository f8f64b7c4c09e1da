/** Full resyncs that operators order: what they find, what they repair, and what they leave alone. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { namesOf, resync, resyncOf } from '../support/resync-orders.ts'
import { Rig } from '../support/rig.ts'

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

/** Writes other content, and leaves size and times unchanged. */
function editUnseen(file: string, content: string): void {
  const { atimeMs, mtimeMs, size } = statSync(file)
  assert.equal(content.length, size)
  writeFileSync(file, content)
  utimesSync(file, atimeMs / 1000, mtimeMs / 1000)
}

/** Changes a directory's content and restores the directory's time, so that only the change in it is drift. */
function within(directory: string, act: () => void): void {
  const { atimeMs, mtimeMs } = statSync(directory)
  act()
  utimesSync(directory, atimeMs / 1000, mtimeMs / 1000)
}

function trashOf(rig: Rig): string[] {
  const trash = join(rig.place, 'web1/state/trash/site')
  return readdirSync(trash, { recursive: true, encoding: 'utf8' }).map((path) => path.replace(/^[^/]*\/?/, ''))
}

test('drift of every kind is found exactly, then repaired with nothing sent that was right, then gone', async () => {
  await using rig = await Rig.start({ receivers: 2, prepare: fill })
  await rig.converged()
  const [target = ''] = rig.targets
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

  const seen = await resync(rig, { dryRun: true, check: 'metadata' })
  const [web1, web2] = [seen.receivers['web1'], seen.receivers['web2']]
  assert.ok(web1 !== undefined && web2 !== undefined && seen.root === 'site')
  assert.deepEqual(namesOf(web1), expected.sort())
  assert.deepEqual(namesOf(web2), [])
  assert.deepEqual([web1.missing + web1.changed + web1.extraneous, web1.repaired], [expected.length, 0])
  assert.equal(web1.checked, FILES + 11)
  assert.equal(execFileSync('find', [target, '-printf', '%p %m %T@ %C@ %s\\n'], { encoding: 'utf8' }), state)

  const mended = await resyncOf(rig, 'web1', { receivers: ['web1'] })
  assert.deepEqual(namesOf(mended), expected.sort())
  assert.equal(mended.repaired, expected.length)
  const sent = ['app/f0', 'app/f1', 'app/f4', 'app/deep/er/file'].map((path) => statSync(join(rig.source, path)).size)
  assert.equal(
    mended.bytes,
    sent.reduce((sum, size) => sum + size),
  )
  await rig.converged()
  const trash = trashOf(rig)
  for (const path of ['app/stranger', 'strange/place/file', 'app/f4/inside']) assert.ok(trash.includes(path), path)
  for (const check of ['metadata', 'content'] as const) {
    assert.deepEqual(namesOf(await resyncOf(rig, 'web1', { dryRun: true, check })), [])
  }
  const { trash: told, differences } = (await rig.receiverRoots(0))[0] ?? {}
  assert.equal(told?.batches, 1)
  assert.ok((told?.bytes ?? 0) > 20 && told?.oldestAt !== null)
  assert.equal(differences?.missing, 2 * 4)
})

test('a content check finds what size and time hide, also of a file that is read in pieces', async () => {
  await using rig = await Rig.start({ receivers: 1, prepare: fill })
  await rig.converged()
  const [target = ''] = rig.targets
  editUnseen(join(target, 'app/f7'), 'CONTENT 7')
  editUnseen(join(target, 'lib/large'), 'LARGE '.repeat(500_000))
  assert.deepEqual(namesOf(await resyncOf(rig, 'web1', { check: 'metadata' })), [])
  const expected = ['changed app/f7', 'changed lib/large']
  assert.deepEqual(namesOf(await resyncOf(rig, 'web1', { check: 'content', dryRun: true })), expected)
  const { bytes, repaired } = await resyncOf(rig, 'web1', { check: 'content' })
  assert.deepEqual([bytes, repaired], [3_000_009, 2])
  assert.deepEqual(namesOf(await resyncOf(rig, 'web1', { check: 'content', dryRun: true })), [])
  await rig.converged()
})

test('only what was asked for by path is compared, and a path that the source lacks is extraneous', async () => {
  await using rig = await Rig.start({ receivers: 1, prepare: fill })
  await rig.converged()
  const [target = ''] = rig.targets
  const at = (path: string) => join(target, path)
  rmSync(at('app'), { recursive: true })
  rmSync(at('lib/large'))
  writeFileSync(at('lib/stranger'), 'x')
  mkdirSync(at('other/deep'), { recursive: true })
  writeFileSync(at('other/deep/file'), 'x')
  const only = async (...paths: string[]) => namesOf(await resyncOf(rig, 'web1', { paths, dryRun: true }))
  assert.deepEqual(await only('lib/stranger'), ['extraneous lib/stranger'])
  assert.deepEqual(await only('lib/large', 'lib/nothing'), ['missing lib/large'])
  assert.deepEqual(await only('lib', 'lib/large'), ['extraneous lib/stranger', 'missing lib/large'])
  assert.deepEqual(await only('other/deep'), ['extraneous other/deep'])
  assert.deepEqual(await only('empty', 'media', 'link'), [])
  const { repaired } = await resyncOf(rig, 'web1', { paths: ['app/deep/er', 'other/deep/file'] })
  assert.equal(readFileSync(at('app/deep/er/file'), 'utf8'), 'deep')
  assert.ok(repaired >= 3)
  assert.deepEqual(
    [existsSync(at('app/f1')), existsSync(at('other/deep/file')), existsSync(at('lib/large'))],
    [false, false, false],
  )
  await resyncOf(rig, 'web1')
  await rig.converged()
})

test('what is protected or excluded is neither reported nor touched, also inside of what goes', async () => {
  await using rig = await Rig.start({
    receivers: 1,
    root: { exclude: ['*.log'] },
    receiverRoot: { protect: ['/app/f1', '/local/keep/'] },
    prepare: fill,
  })
  await rig.inSync()
  const [target = ''] = rig.targets
  const at = (path: string) => join(target, path)
  within(at('app'), () => {
    writeFileSync(at('app/f1'), 'my own')
    writeFileSync(at('app/debug.log'), 'excluded')
  })
  within(at('.'), () => mkdirSync(at('local/keep'), { recursive: true }))
  writeFileSync(at('local/keep/file'), 'mine')
  writeFileSync(at('local/stranger'), 'unknown')
  assert.deepEqual(namesOf(await resyncOf(rig, 'web1', { dryRun: true })), ['extraneous local/stranger'])
  assert.deepEqual(namesOf(await resyncOf(rig, 'web1', { check: 'content' })), ['extraneous local/stranger'])
  assert.deepEqual(namesOf(await resyncOf(rig, 'web1', { check: 'content' })), [])
  assert.deepEqual(namesOf(await resyncOf(rig, 'web1', { paths: ['app/f1', 'local/keep', 'app/debug.log'] })), [])
  assert.deepEqual(
    [readFileSync(at('app/f1'), 'utf8'), readFileSync(at('local/keep/file'), 'utf8')],
    ['my own', 'mine'],
  )
  assert.ok(existsSync(at('app/debug.log')) && !existsSync(at('local/stranger')))
})
