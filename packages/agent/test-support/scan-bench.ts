/** The queue of scans over a real tree without a watcher. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Accounts } from '@rootferry/host/machine'
import { EntryIndex } from '../src/root/index/entry-index.ts'
import { openIndexDatabase } from '../src/root/index/index-schema.ts'
import { closeRoot, type OpenedRoot, openRoot } from '../src/root/opened-root.ts'
import { PathProblems } from '../src/root/scan/path-problems.ts'
import { ScanQueue } from '../src/root/scan/scan-queue.ts'
import { Timers } from '../src/root/timers.ts'
import type { Hint } from '../src/root/watch/watcher.ts'
import type { PathProblem } from '../src/root-messages.ts'

const DEADLINE_MS = 20_000

/** A docroot without a watcher, with its queue of scans. */
export class Bench implements AsyncDisposable {
  readonly #place = mkdtempSync(join(tmpdir(), 'rootferry-queue-'))
  readonly root = join(this.#place, 'root')
  readonly index = new EntryIndex(openIndexDatabase(join(this.#place, 'index.db')), { epoch: 'e', term: 't' }, false)
  readonly queue: ScanQueue
  readonly #timers = new Timers()
  readonly opened: OpenedRoot
  /** What the queue reported, in order. */
  readonly reports: string[] = []
  mode: 'judged' | 'halted' = 'judged'
  whenProblem: (problem: PathProblem) => void = ({ path, message }) => assert.fail(`${path}: ${message}`)
  whenScanned: () => void = () => undefined
  whenAdvanced: () => void = () => undefined

  constructor(files: readonly string[]) {
    for (const path of files) this.write(path)
    const watch = { backend: 'polling', settleMs: 1, maxWaitMs: 10, rescanMinutes: 30 } as const
    const guard = { maxDeletePercent: 50, minDeletes: 1_000 }
    const options = {
      name: 'site',
      path: this.root,
      stateDir: this.#place,
      exclude: [],
      watch,
      guard,
      hold: { while: [], show: false, overdueMinutes: 15 },
      preserve: { acls: false, xattrs: [], hardLinks: false },
      together: 'releases' as const,
      relay: false,
      software: 'test',
      systemCalls: 'auto' as const,
    }
    const never = (...what: unknown[]) => assert.fail(String(what))
    const report = (name: string) => () => void this.reports.push(name)
    const { index } = this
    const problems = new PathProblems((problem) => this.whenProblem(problem))
    this.queue = new ScanQueue({
      index,
      timers: this.#timers,
      problems,
      settings: options,
      mode: () => this.mode,
      hold: { hinted: () => undefined, look: () => undefined },
      events: {
        advanced: () => {
          this.reports.push('advanced')
          this.whenAdvanced()
        },
        begins: () => undefined,
        scanned: () => {
          this.reports.push('scanned')
          this.whenScanned()
        },
        passed: report('passed'),
        stopped: never,
      },
    })
    const watching = { overflow: never, degraded: never, error: never }
    this.opened = openRoot(options, {
      index,
      problems,
      accounts: new Accounts(),
      scans: this.queue,
      watching,
      warn: never,
    })
    this.queue.use(this.opened)
  }

  write(path: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true })
    writeFileSync(join(this.root, path), path)
  }

  remove(...paths: string[]): Hint[] {
    for (const path of paths) rmSync(join(this.root, path))
    return hintsAt(...paths)
  }

  async until(isTrue: () => boolean, otherwise: string, meanwhile: () => void = () => undefined): Promise<void> {
    for (const end = performance.now() + DEADLINE_MS; !isTrue(); await delay(10)) {
      assert.ok(performance.now() < end, otherwise)
      meanwhile()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timers.close()
    this.queue.use(null)
    await closeRoot(this.opened, () => this.queue.idle())
    this.index.close()
    rmSync(this.#place, { recursive: true, force: true })
  }
}

export const hintsAt = (...paths: string[]) => paths.map((path): Hint => ({ path, extent: 'entry' }))
export const numbered = (count: number) => Array.from({ length: count }, (_, number) => `d/f${number}`)
