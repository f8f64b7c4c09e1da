/**
 * The reports of watchers when the kernel no longer tells them everything: a full event queue, and no watches left.
 *
 * The watch limit is the real one, lowered for a child in a user namespace of its own; where such namespaces are
 * forbidden those tests are skipped.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { chooseSystemCalls } from '@rootferry/host/machine'
import { PathFilter } from '@rootferry/protocol'
import { createWatcher } from './choose-watcher.ts'
import { inotifyQueueLimit } from './inotify-limits.ts'

const BACKENDS = ['chokidar', 'directory', 'inotify'] as const
const DEADLINE_MS = 20_000

/**
 * Watches seven directories, of which the kernel allows four; then three go, a refused one among them, and the others
 * are found again.
 */
const CROWDED = `
  import fs from 'node:fs'
  import { PathFilter } from ${JSON.stringify(import.meta.resolve('@rootferry/protocol'))}
  import { createWatcher } from ${JSON.stringify(import.meta.resolve('./choose-watcher.ts'))}
  import { chooseSystemCalls } from ${JSON.stringify(import.meta.resolve('@rootferry/host/machine'))}
  const [rootPath, tested] = process.argv.slice(1)
  const watches = tested === 'inotify' ? chooseSystemCalls('libc').calls.watches : null
  const backend = tested === 'inotify' ? 'directory' : tested
  const said = []
  const events = {
    hint: () => undefined,
    overflow: () => said.push('overflow'),
    degraded: (reason) => said.push(reason),
    error: (error) => said.push(String(error)),
  }
  const watcher = createWatcher(backend, { rootPath, filter: new PathFilter([]), pollMs: 1000 }, events, watches)
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  const names = ['1', '2', '3', '4', '5', '6']
  for (const name of names) fs.mkdirSync(rootPath + '/' + name)
  await watcher.start()
  watcher.directoryFound('.', rootPath)
  for (const name of names) watcher.directoryFound(name, rootPath + '/' + name)
  await turn()
  const crowded = { said: said.splice(0), watched: watcher.watchedDirectories }
  for (const name of ['1', '2', '6']) watcher.directoryGone(name)
  for (const name of ['3', '4', '5']) watcher.directoryFound(name, rootPath + '/' + name)
  await turn()
  const relieved = { said, watched: watcher.watchedDirectories }
  await watcher.close()
  console.log(JSON.stringify({ crowded, relieved }))
`

interface Account {
  said: (string | null)[]
  watched: number
}

/** @returns null when the kernel allows no user namespaces */
function inCrowdedNamespace(rootPath: string, backend: string): { crowded: Account; relieved: Account } | null {
  const limit = '/proc/sys/user/max_inotify_watches'
  const script = `test -w ${limit} && echo 4 > ${limit} && exec "$0" --input-type=module -e "$1" "$2" "$3"`
  if (spawnSync('unshare', ['-Ur', 'test', '-w', limit]).status !== 0) return null
  const child = spawnSync('unshare', ['-Ur', 'sh', '-c', script, execPath, CROWDED, rootPath, backend])
  assert.equal(child.status, 0, String(child.stderr))
  return JSON.parse(String(child.stdout))
}

function temporaryRoot(): Disposable & { path: string } {
  const path = fs.mkdtempSync(join(tmpdir(), 'rootferry-limits-'))
  return { path, [Symbol.dispose]: () => fs.rmSync(path, { recursive: true, force: true }) }
}

for (const backend of BACKENDS) {
  it(`the ${backend} watcher says so when more happened than the kernel's queue holds`, async () => {
    using root = temporaryRoot()
    for (const name of ['a', 'b']) fs.writeFileSync(join(root.path, name), '')
    const reasons: string[] = []
    const events = {
      hint: () => undefined,
      overflow: (reason: string) => reasons.push(reason),
      degraded: () => undefined,
      error: () => undefined,
    }
    const watches = backend === 'inotify' ? chooseSystemCalls('libc').calls.watches : null
    const options = { rootPath: root.path, filter: new PathFilter([]), pollMs: 1_000 }
    const watcher = createWatcher(backend === 'inotify' ? 'directory' : backend, options, events, watches)
    // Once it has started, a thread of its own empties the queue.
    if (backend !== 'inotify') await watcher.start()
    // Not for chokidar, which would then watch it directly as well.
    if (backend !== 'chokidar') watcher.directoryFound('.', root.path)
    // All events within one turn of this loop, each different from the one before, or the kernel would merge them.
    for (let event = 0; event < inotifyQueueLimit() + 1_000; event += 1) {
      fs.utimesSync(join(root.path, event % 2 === 0 ? 'a' : 'b'), 1, event)
    }
    if (backend === 'inotify') await watcher.start()
    const deadline = Date.now() + DEADLINE_MS
    while (reasons.length === 0 && Date.now() < deadline) await pause(5)
    await watcher.close()
    assert.match(reasons[0] ?? '', /queue/)
  })
}

/**
 * What a busy owner does: the queue fills with events of directories that are gone by the time the owner turns to it, and
 * that it no longer wants to hear of. Only the kernel knows that something else was lost with them.
 */
it('the inotify watcher loses no change behind a storm in directories that are no longer watched', async () => {
  using root = temporaryRoot()
  for (const name of ['old', 'app']) fs.mkdirSync(join(root.path, name))
  for (const name of ['old/a', 'old/b', 'app/config']) fs.writeFileSync(join(root.path, name), '')
  const said: string[] = []
  const events = {
    hint: ({ path }: { path: string }) => said.push(path),
    overflow: () => said.push('overflow'),
    degraded: () => undefined,
    error: (error: Error) => said.push(error.message),
  }
  const { watches } = chooseSystemCalls('libc').calls
  const options = { rootPath: root.path, filter: new PathFilter([]), pollMs: 1_000 }
  const watcher = createWatcher('directory', options, events, watches)
  await watcher.start()
  for (const path of ['.', 'old', 'app']) watcher.directoryFound(path, join(root.path, path))
  for (let event = 0; event < inotifyQueueLimit() + 1_000; event += 1) {
    fs.utimesSync(join(root.path, event % 2 === 0 ? 'old/a' : 'old/b'), 1, event)
  }
  fs.writeFileSync(join(root.path, 'app/config'), 'changed')
  watcher.directoryGone('old')
  const deadline = Date.now() + DEADLINE_MS
  const isKnown = () => said.includes('overflow') || said.includes('app/config')
  while (!isKnown() && Date.now() < deadline) await pause(5)
  await watcher.close()
  assert.ok(isKnown(), `said ${said.length} times, of ${[...new Set(said)].join(', ')}`)
})

describe('without enough watches', () => {
  for (const backend of ['directory', 'inotify']) {
    it(`the ${backend} watcher counts what it cannot watch, names the limit, and is whole again when it can`, (t) => {
      using root = temporaryRoot()
      const account = inCrowdedNamespace(root.path, backend)
      if (account === null) return t.skip('user namespaces are not allowed here')
      assert.equal(account.crowded.watched, 4)
      assert.equal(account.crowded.said.length, 1)
      assert.match(account.crowded.said[0] ?? '', /^3 directories are not watched.*fs\.inotify\.max_user_watches/)
      assert.deepEqual(account.relieved, { said: [null], watched: 4 })
    })
  }

  it('the chokidar watcher names the limit', (t) => {
    using root = temporaryRoot()
    const account = inCrowdedNamespace(root.path, 'chokidar')
    if (account === null) return t.skip('user namespaces are not allowed here')
    assert.match(account.crowded.said[0] ?? '', /not watched.*fs\.inotify\.max_user_watches/)
  })
})
