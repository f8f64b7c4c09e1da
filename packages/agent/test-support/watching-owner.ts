/**
 * For tests of watchers: an owner that knows the disk by hints alone, and can tell whether its picture is right.
 *
 * It plays the scanner: it looks only at hinted paths and their parents, and walks only directories that are new to it,
 * that have another inode, or whose whole subtree was hinted at. So a change that a watcher forgets to hint at stays
 * wrong.
 */

import assert from 'node:assert/strict'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { ConfinedDirectories, chooseSystemCalls, errorCode, kindOf } from '@rootferry/host/machine'
import { isWithin, joinPath, PathFilter, parentPath, ROOT_PATH } from '@rootferry/protocol'
import { CLOCK_LAG_MS } from '../src/root/watch/chokidar-watcher.ts'
import { createWatcher } from '../src/root/watch/choose-watcher.ts'
import type { Hint, Watcher } from '../src/root/watch/watcher.ts'
import type { WatchBackend } from '../src/root-messages.ts'

const DEADLINE_MS = 20_000
const EXCLUDED = ['cache/', '*.log']

interface Seen {
  /** Identifies the object; a directory that was replaced may share it with its predecessor. */
  identity: string
  /** Differs when anything about the object differs. */
  state: string
}
type Picture = Map<string, Seen>

/** `inotify`: the directory backend with libc's calls. */
export type TestedBackend = WatchBackend | 'inotify'

/** A real tree, a real watcher, and a picture of the tree that the watcher keeps up to date. */
export class Owner implements AsyncDisposable {
  readonly #place = fs.mkdtempSync(join(tmpdir(), 'rootferry-watch-'))
  readonly rootPath = join(this.#place, 'root')
  /** On the same filesystem, and not watched. */
  readonly outside = join(this.#place, 'outside')
  readonly hints: Hint[] = []
  readonly faults: string[] = []
  readonly watcher: Watcher
  readonly #filter = new PathFilter([...EXCLUDED, '/.rootferry'])
  readonly #directories: ConfinedDirectories
  readonly #picture: Picture = new Map()
  #waiting: Hint[] = []

  /** @param rootIsSymlink whether the watcher is given a symlink to the root instead of the root */
  constructor(backend: TestedBackend, rootIsSymlink = false) {
    fs.mkdirSync(this.rootPath)
    fs.symlinkSync('root', join(this.#place, 'link'))
    this.#directories = new ConfinedDirectories(this.rootPath)
    const rootPath = rootIsSymlink ? join(this.#place, 'link') : this.rootPath
    const options = { rootPath, filter: new PathFilter(EXCLUDED), pollMs: 10 }
    const watches = backend === 'inotify' ? chooseSystemCalls('libc').calls.watches : null
    const events = {
      hint: (hint: Hint) => {
        this.hints.push(hint)
        if (this.#waiting.push(hint) === 1) setImmediate(() => this.#followAll())
      },
      overflow: (reason: string) => this.faults.push(`overflow: ${reason}`),
      degraded: (reason: string | null) => this.faults.push(`degraded: ${reason}`),
      error: (error: Error) => this.faults.push(`error: ${error.message}`),
    }
    this.watcher = createWatcher(backend === 'inotify' ? 'directory' : backend, options, events, watches)
  }

  /** @param prepare makes the objects that exist before watching begins */
  static async of(backend: TestedBackend, prepare: (owner: Owner) => void = () => undefined): Promise<Owner> {
    const owner = new Owner(backend)
    prepare(owner)
    await owner.watch()
    return owner
  }

  async watch(): Promise<void> {
    // Existing objects must be older than the start, or the chokidar backend would not leave them to chokidar.
    const preparedMs = Date.now()
    while (this.watcher.backend === 'chokidar' && Date.now() <= preparedMs + CLOCK_LAG_MS) await pause(5)
    await this.watcher.start()
    this.#look(ROOT_PATH, 'subtree')
    this.#directories.release()
  }

  at(path: string): string {
    return join(this.rootPath, path)
  }

  write(path: string, content = path): void {
    fs.mkdirSync(dirname(this.at(path)), { recursive: true })
    fs.writeFileSync(this.at(path), content)
  }

  /** Waits until the picture equals the disk. */
  async knows(): Promise<void> {
    const deadline = Date.now() + DEADLINE_MS
    let wrong = this.#differences()
    while (wrong.length > 0) {
      if (Date.now() > deadline) assert.fail(`never learned of ${JSON.stringify(wrong)} ${this.faults.join('; ')}`)
      await pause(5)
      wrong = this.#differences()
    }
    assert.deepEqual(this.faults, [])
  }

  /** Waits until a hint covers the path; hints are remembered from the beginning or the last `hints.length = 0`. */
  async hinted(path: string): Promise<void> {
    const deadline = Date.now() + DEADLINE_MS
    const covers = ({ path: hinted, extent }: Hint) =>
      hinted === path || (extent === 'subtree' && isWithin(path, hinted))
    while (!this.hints.some(covers)) {
      if (Date.now() > deadline) assert.fail(`no hint for ${JSON.stringify(path)}`)
      await pause(5)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.watcher.close()
    this.#directories[Symbol.dispose]()
    fs.rmSync(this.#place, { recursive: true, force: true })
  }

  #followAll(): void {
    const hints = this.#waiting
    this.#waiting = []
    for (const { path, extent } of hints) {
      if (this.#filter.excludesWithParents(path, 'file') || this.#filter.excludesWithParents(path, 'directory'))
        continue
      this.#look(path, extent)
      if (path !== ROOT_PATH) this.#look(parentPath(path), 'entry')
    }
    this.#directories.release()
  }

  #look(path: string, extent: Hint['extent']): void {
    const status = this.#status(path)
    if (status === null) {
      this.#forget(path)
      return
    }
    const before = this.#picture.get(path)
    const now = stateOf(this.at(path), status)
    if (before !== undefined && before.identity !== now.identity) this.#forget(path)
    this.#picture.set(path, now)
    if (status.isDirectory() && (before?.identity !== now.identity || extent === 'subtree')) this.#walk(path)
  }

  #walk(directory: string): void {
    let names: string[]
    try {
      const location = this.#directories.locateDirectory(directory)
      if (this.watcher.directoryFound(directory, location))
        this.#picture.set(directory, stateOf(this.at(directory), this.#directories.directoryStatus(directory)))
      names = fs.readdirSync(location)
    } catch (error) {
      if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return
      throw error
    }
    const present = new Set(names.map((name) => joinPath(directory, name)))
    for (const path of this.#picture.keys()) {
      if (path !== ROOT_PATH && parentPath(path) === directory && !present.has(path)) this.#forget(path)
    }
    for (const path of present) {
      const status = this.#status(path)
      const kind = status === null ? 'absent' : kindOf(status)
      if (!path.includes('\ufffd') && !this.#filter.excludes(path, kind)) this.#look(path, 'subtree')
    }
  }

  #status(path: string): fs.Stats | null {
    try {
      return fs.lstatSync(this.#directories.locate(path))
    } catch (error) {
      const code = errorCode(error)
      if (code === 'ENOENT' || code === 'ENOTDIR') return null
      throw error
    }
  }

  #forget(path: string): void {
    if (this.#picture.get(path)?.identity.startsWith('directory') !== true) {
      this.#picture.delete(path)
      return
    }
    for (const known of this.#picture.keys()) if (isWithin(known, path)) this.#picture.delete(known)
    this.watcher.directoryGone(path)
    this.#directories.forget(path)
  }

  #differences(): string[] {
    const truth = pictureOf(this.rootPath, this.#filter)
    const paths = new Set([...truth.keys(), ...this.#picture.keys()])
    const wrong = [...paths].filter((path) => truth.get(path)?.state !== this.#picture.get(path)?.state).slice(0, 5)
    const { backend, watchedDirectories } = this.watcher
    const directories = truth.values().filter((seen) => seen.identity.startsWith('directory'))
    // chokidar's count keeps names that are gone, polling has none.
    const expected = backend === 'directory' ? [...directories].length : watchedDirectories
    if (watchedDirectories !== expected) wrong.push(`${watchedDirectories} watched directories, not ${expected}`)
    return wrong
  }
}

function stateOf(location: string, status: fs.Stats): Seen {
  const target = status.isSymbolicLink() ? fs.readlinkSync(location) : ''
  return {
    identity: `${status.isDirectory() ? 'directory' : 'other'} ${status.ino}`,
    state: [status.ino, status.mode, status.size, status.mtimeMs, status.ctimeMs, target].join(' '),
  }
}

function pictureOf(rootPath: string, filter: PathFilter): Picture {
  const picture: Picture = new Map()
  const visit = (path: string): void => {
    const status = fs.lstatSync(join(rootPath, path))
    picture.set(path, stateOf(join(rootPath, path), status))
    if (!status.isDirectory()) return
    for (const item of fs.readdirSync(join(rootPath, path), { withFileTypes: true })) {
      const child = joinPath(path, item.name)
      if (!item.name.includes('\ufffd') && !filter.excludes(child, kindOf(item))) visit(child)
    }
  }
  visit(ROOT_PATH)
  return picture
}
