/** The ends of the inotify watcher: of its reader, and of the thread that it watches for. */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { InotifyReader } from './inotify-reader.ts'

/** Watches, and dies of an error that nobody catches. */
const DYING = `
  const { workerData } = require('node:worker_threads')
  const load = async () => {
    const { createWatcher } = await import(workerData.watcher)
    const { chooseSystemCalls } = await import(workerData.machine)
    const { PathFilter } = await import(workerData.protocol)
    const events = { hint() {}, overflow() {}, degraded() {}, error() {} }
    const options = { rootPath: workerData.root, filter: new PathFilter([]), pollMs: 1000 }
    const watcher = createWatcher('directory', options, events, chooseSystemCalls('libc').calls.watches)
    await watcher.start()
    watcher.directoryFound('.', workerData.root)
    throw new Error('watched ' + watcher.watchedDirectories)
  }
  void load()`

test('a reader that cannot read says so', async () => {
  const directory = fs.openSync('/', fs.constants.O_DIRECTORY)
  const { promise, resolve } = Promise.withResolvers<Error>()
  const reader = new InotifyReader(directory, { read: () => assert.fail('there is nothing to read'), ended: resolve })
  assert.match((await promise).message, /EISDIR/)
  await reader.close(() => undefined)
  fs.closeSync(directory)
})

test('a thread that dies takes its reader and all its watches with it', async () => {
  const root = fs.mkdtempSync(join(tmpdir(), 'rootferry-dying-'))
  const before = inotifyDescriptors()
  const { promise, resolve } = Promise.withResolvers<void>()
  const said: unknown[] = []
  const worker = new Worker(DYING, {
    eval: true,
    workerData: {
      root,
      watcher: new URL('choose-watcher.ts', import.meta.url).href,
      machine: import.meta.resolve('@rootferry/host/machine'),
      protocol: import.meta.resolve('@rootferry/protocol'),
    },
  })
  worker.on('error', (error) => said.push(error instanceof Error ? error.message : error)).on('exit', () => resolve())
  await promise
  assert.deepEqual(said, ['watched 1'])
  assert.equal(inotifyDescriptors(), before)
  fs.rmSync(root, { recursive: true })
})

function inotifyDescriptors(): number {
  return fs.readdirSync('/proc/self/fd').filter((descriptor) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${descriptor}`) === 'anon_inode:inotify'
    } catch {
      // The listing's own descriptor is closed by now.
      return false
    }
  }).length
}
