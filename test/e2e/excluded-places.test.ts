/**
 * Excluded places, and what moves in and out of them: what goes in is gone on receivers, what comes out arrives whole, and
 * what a receiver has in an excluded place of its own stays. A path that becomes excluded at the moment at which it is
 * deleted stays on receivers, which are not to touch it.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = sharedDaemons(1)

const EXCLUDE = ['/cache/', '*.tmp']
const isExcluded = (path: string) => path === 'cache' || path.startsWith('cache/') || path.endsWith('.tmp')

function write(root: string, files: Record<string, string>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }
}

for (const backend of ['chokidar', 'directory']) {
  test(`files and directories move in and out of excluded places (${backend})`, async () => {
    const prepare = (source: string) => {
      write(source, {
        'a/one': '1',
        'a/deep/two': '2',
        'b/three': '3',
        'cache/four': '4',
        'cache/c/five': '5',
        six: '6',
      })
      write(source, { 'd/x.tmp': 'x', 'e/y': 'y', 'over/z': 'old z' })
    }
    const site = await Site.on(daemons, { prepare, root: { exclude: EXCLUDE, watch: { backend } } })
    const [target = ''] = site.targets
    const at = (path: string) => join(site.source, path)
    const arrives = () => site.converged(30_000, isExcluded)
    const has = (path: string) => existsSync(join(target, path))
    await arrives()
    // In: a file, a directory with others below it, and by name alone.
    renameSync(at('six'), at('cache/six'))
    renameSync(at('a'), at('cache/a'))
    renameSync(at('e/y'), at('e/y.tmp'))
    await arrives()
    assert.deepEqual(['six', 'a', 'cache/six', 'cache/a', 'e/y', 'e/y.tmp'].filter(has), [])
    // Out, over what is there, and back in by another way at once.
    renameSync(at('cache/a'), at('again'))
    renameSync(at('cache/c/five'), at('over/z'))
    renameSync(at('d/x.tmp'), at('d/x'))
    renameSync(at('cache/six'), at('passing'))
    renameSync(at('passing'), at('passing.tmp'))
    await arrives()
    assert.equal(readFileSync(join(target, 'again/deep/two'), 'utf8'), '2')
    assert.equal(readFileSync(join(target, 'over/z'), 'utf8'), '5')
    assert.deepEqual(['passing', 'passing.tmp', 'd/x.tmp'].filter(has), [])
    // Within, and an excluded directory that goes as a whole, with what a receiver has there of its own.
    write(target, { 'cache/local': 'of this host' })
    renameSync(at('cache/four'), at('cache/4'))
    rmSync(at('cache'), { recursive: true })
    write(site.source, { last: 'arrives' })
    await arrives()
    assert.equal(readFileSync(join(target, 'cache/local'), 'utf8'), 'of this host')
    // A directory that holds something excluded goes: that stays on the receiver, and nothing else does.
    write(target, { 'b/own.tmp': 'own' })
    renameSync(at('b'), at('elsewhere'))
    await site.converged(30_000, (path) => isExcluded(path) || path === 'b')
    const places = ['b/own.tmp', 'b/three', 'elsewhere/three']
    // The comparison left out the whole of `b`.
    await until(
      () => !has('b/three'),
      () => places.filter(has).join(),
    )
    assert.deepEqual(places.filter(has), ['b/own.tmp', 'elsewhere/three'])
  })

  test(`what becomes excluded while it is deleted stays on receivers; what is there again afterwards arrives (${backend})`, async () => {
    const prepare = (source: string) =>
      write(source, { 'p/kept': 'kept', 'p/gone': 'gone', 'p/d/below': 'below', other: 'o' })
    const site = await Site.on(daemons, { prepare, root: { watch: { backend } } })
    const [target = ''] = site.targets
    const at = (path: string) => join(site.source, path)
    const exclude = async (patterns: string[]) => {
      site.configure({ exclude: patterns })
      assert.ok(daemons.agent !== null)
      await daemons.hangUp(daemons.agent, 'configuration was read again')
    }
    await site.converged()
    site.configure({ exclude: ['/p/gone', '/p/d/'] })
    process.kill(daemons.agent?.pid ?? 0, 'SIGHUP')
    rmSync(at('p/gone'))
    rmSync(at('p/d'), { recursive: true })
    write(site.source, { other: 'changed' })
    await site.converged(30_000, (path) => path === 'p' || path.startsWith('p/'))
    assert.equal(readFileSync(join(target, 'p/kept'), 'utf8'), 'kept')
    // Excluded or deleted first: both are right. What is made anew arrives when it is not excluded any more.
    write(site.source, { 'p/gone': 'made anew', 'p/d/below': 'made anew too' })
    await exclude([])
    await site.converged()
  })
}
