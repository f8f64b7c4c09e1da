/** The kernel resources of the directory backend: one handle per directory, given back when the directory goes. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getActiveResourcesInfo } from 'node:process'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { PathFilter } from '@rootferry/protocol'
import { DirectoryWatcher } from './directory-watcher.ts'

/** Handles that are being closed count until the loop has turned once. */
async function handles(): Promise<number> {
  await nextTurn()
  await nextTurn()
  return getActiveResourcesInfo().filter((resource) => resource === 'FSEventWrap').length
}

function watching(directories: readonly string[]): AsyncDisposable & { rootPath: string; watcher: DirectoryWatcher } {
  const rootPath = fs.mkdtempSync(join(tmpdir(), 'rootferry-directories-'))
  const never = () => assert.fail('nothing is wrong here')
  const events = { hint: () => undefined, overflow: never, degraded: never, error: never }
  const watcher = new DirectoryWatcher({ rootPath, filter: new PathFilter([]) }, events)
  for (const path of directories) {
    fs.mkdirSync(join(rootPath, path), { recursive: true })
    watcher.directoryFound(path, join(rootPath, path))
  }
  return {
    rootPath,
    watcher,
    [Symbol.asyncDispose]: async () => {
      await watcher.close()
      fs.rmSync(rootPath, { recursive: true })
    },
  }
}

describe('the directory watcher', () => {
  it('holds one handle for each directory, however often it is found', async () => {
    await using setup = watching(['.', 'a', 'a/b', '.', 'a', 'a/b', 'a/b'])
    assert.equal(await handles(), 3)
    assert.equal(setup.watcher.watchedDirectories, 3)
  })

  it('lets go of a directory and all below, and of nothing else', async () => {
    await using setup = watching(['.', 'a', 'a/b', 'a/b/c', 'a/d', 'ab', 'e', 'e/a'])
    setup.watcher.directoryGone('a')
    assert.equal(await handles(), 4)
    assert.equal(setup.watcher.watchedDirectories, 4)
    setup.watcher.directoryGone('a')
    setup.watcher.directoryGone('never/seen')
    assert.equal(setup.watcher.watchedDirectories, 4)
    setup.watcher.directoryGone('.')
    assert.equal(await handles(), 0)
  })

  it('leaves a directory that is gone before it can be watched to its owner', async () => {
    await using setup = watching(['.'])
    setup.watcher.directoryFound('gone', join(setup.rootPath, 'gone'))
    assert.equal(setup.watcher.watchedDirectories, 1)
    fs.mkdirSync(join(setup.rootPath, 'gone'))
    setup.watcher.directoryFound('gone', join(setup.rootPath, 'gone'))
    assert.equal(setup.watcher.watchedDirectories, 2)
  })

  it('knows a directory below one that it was never told of', async () => {
    await using setup = watching(['.', 'a/b/c'])
    assert.equal(setup.watcher.watchedDirectories, 2)
    setup.watcher.directoryGone('a')
    assert.equal(setup.watcher.watchedDirectories, 1)
  })

  it('gives everything back when it is closed', async () => {
    await using setup = watching(['.', 'a', 'a/b'])
    await setup.watcher.close()
    assert.equal(await handles(), 0)
    setup.watcher.directoryFound('a', join(setup.rootPath, 'a'))
    assert.equal(await handles(), 0)
  })
})
