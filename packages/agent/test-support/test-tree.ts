/** Test support: a docroot on disk with an index and a scanner, without threads or watching. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AttributeCalls, ConfinedDirectories, chooseSystemCalls } from '@rootferry/host/machine'
import { NOTHING_PRESERVED, PathFilter, type Preserved } from '@rootferry/protocol'
import { EntryIndex } from '../src/root/index/entry-index.ts'
import { openIndexDatabase } from '../src/root/index/index-schema.ts'
import { ExtendedReader } from '../src/root/scan/extended-reader.ts'
import { PathProblems } from '../src/root/scan/path-problems.ts'
import { type Judge, Scanner, type ScannerParts } from '../src/root/scan/scanner.ts'
import type { Hint } from '../src/root/watch/watcher.ts'

export class TestTree implements Disposable {
  readonly place = mkdtempSync(join(tmpdir(), 'rootferry-tree-'))
  readonly root: string
  readonly problems = new PathProblems(() => undefined)
  readonly found: string[] = []
  readonly gone: string[] = []
  readonly largeSuspects: string[] = []
  /** How often the scanner asked for the status of an entry. */
  looks = 0
  readonly looked = new Set<string>()
  /** The code with which a look fails, or null. */
  fault: (directory: string, name: string) => string | null = () => null
  readonly directories: ConfinedDirectories
  index: EntryIndex
  attributesRead = 0
  readonly scanner: Scanner
  readonly #scanned: ScannerParts
  /** The hints of a watcher, and what happens right before it watches. */
  beginsWatching = false
  whenFound: (path: string) => void = () => undefined
  whenGone: (path: string) => void = () => undefined
  /** Added to the clock: files that are written now look old, and so not racy. */
  clockSkewMs = 1_000
  clock: () => number = Date.now

  constructor(root: string, exclude: readonly string[] = [], preserved: Preserved = NOTHING_PRESERVED) {
    this.root = root
    this.directories = new ConfinedDirectories(root, 'followed', chooseSystemCalls('auto').calls.paths)
    const statusIn = this.directories.statusIn.bind(this.directories)
    this.directories.statusIn = (directory, name) => {
      this.looks += 1
      const code = this.fault(directory, name)
      if (code !== null) throw Object.assign(new Error(`${code}: injected`), { code })
      this.looked.add(directory === '.' ? name : `${directory}/${name}`)
      return statusIn(directory, name)
    }
    this.index = this.openIndex('first')
    this.#scanned = {
      directories: this.directories,
      index: this.index,
      filter: new PathFilter(exclude),
      problems: this.problems,
      nowMs: this.nowMs,
      extended: this.#reader(preserved),
      hasLinks: preserved.hardLinks,
      scans: { readSuspect: (path) => this.largeSuspects.push(path) },
      watcher: {
        directoryFound: (path) => {
          this.found.push(path)
          this.whenFound(path)
          return this.beginsWatching
        },
        directoryGone: (path) => {
          this.gone.push(path)
          this.whenGone(path)
        },
        caughtUp: () => Promise.resolve(),
      },
    }
    this.scanner = this.another()
  }

  /** Counts the objects whose attributes are read. */
  #reader(preserved: Preserved): ExtendedReader | null {
    const { attributes } = chooseSystemCalls('auto').calls
    if (attributes === null || preserved === NOTHING_PRESERVED) return null
    this.index.preserved.use(preserved)
    const list: AttributeCalls['list'] = (descriptor, name) => {
      this.attributesRead += 1
      return attributes.list(descriptor, name)
    }
    const counting = { get: attributes.get.bind(attributes), list }
    return new ExtendedReader({ attributes: counting, directories: this.directories, preserved })
  }

  /** Another scanner of the same tree, which may overtake this one. */
  another(): Scanner {
    return new Scanner(this.#scanned)
  }

  judge: Judge = () => ({ decision: 'pass' })

  readonly nowMs = (): number => this.clock() + this.clockSkewMs

  openIndex(term: string, renewEpoch = false): EntryIndex {
    return new EntryIndex(openIndexDatabase(join(this.place, 'index.db')), { epoch: `epoch-${term}`, term }, renewEpoch)
  }

  /** Follows hints to the end. @returns the paths that were recorded, with their kind */
  scan(...hints: (Hint | string)[]): string[] {
    const before = this.index.head
    const all = hints.map((hint): Hint => (typeof hint === 'string' ? { path: hint, extent: 'entry' } : hint))
    const steps = this.scanner.scan(all, this.judge)
    while (steps.next().done !== true);
    return this.index.changesAfter(before, 1e6).map(({ path, kind }) => (kind === 'absent' ? `-${path}` : path))
  }

  scanAll(): string[] {
    return this.scan({ path: '.', extent: 'subtree' })
  }

  [Symbol.dispose](): void {
    this.index.close()
    this.directories[Symbol.dispose]()
    rmSync(this.place, { recursive: true, force: true })
    rmSync(this.root, { recursive: true, force: true })
  }
}

export function temporaryRoot(): string {
  return mkdtempSync(join(tmpdir(), 'rootferry-root-'))
}
