/** The queue of scans over a real tree without a watcher: deletions that the guard holds back are not lost. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Accounts } from '@rootferry/host/machine'
import { EntryIndex } from '../index/entry-index.ts'
import { openIndexDatabase } from '../index/index-schema.ts'
import { closeRoot, openRoot } from '../opened-root.ts'
import { Timers } from '../timers.ts'
import type { Hint } from '../watch/watcher.ts'
import { PathProblems } from './path-problems.ts'
import { ScanQueue, WHOLE_TREE } from './scan-queue.ts'

const DEADLINE_MS = 20_000

test('deletions that the guard holds back are looked at again, though a scan that was waiting passes meanwhile', async () => {
  const place = mkdtempSync(join(tmpdir(), 'rootferry-queue-'))
  const root = join(place, 'root')
  mkdirSync(join(root, 'd'), { recursive: true })
  const names = Array.from({ length: 20 }, (_, number) => `d/f${number}`)
  for (const name of names) writeFileSync(join(root, name), name)
  const watch = { backend: 'polling', settleMs: 1, maxWaitMs: 10, rescanMinutes: 30 } as const
  const guard = { maxDeletePercent: 50, minDeletes: 1_000 }
  const options = {
    name: 'site',
    path: root,
    stateDir: place,
    exclude: [],
    watch,
    guard,
    software: 'test',
    systemCalls: 'auto' as const,
  }
  const index = new EntryIndex(openIndexDatabase(join(place, 'index.db')), { epoch: 'e', term: 't' }, false)
  const timers = new Timers()
  const never = (...what: unknown[]) => assert.fail(String(what))
  const nothing = () => undefined
  const problems = new PathProblems(never)
  const queue = new ScanQueue(index, timers, problems, options, {
    advanced: nothing,
    scanned: nothing,
    passed: nothing,
    halted: never,
  })
  const watching = { overflow: never, degraded: never, error: never }
  const tree = openRoot(options, { index, problems, accounts: new Accounts(), scans: queue, watching, warn: never })
  try {
    queue.use(tree)
    await queue.scan([WHOLE_TREE])
    const gone = names.slice(0, 8)
    for (const name of gone) rmSync(join(root, name))
    writeFileSync(join(root, 'other'), 'new')
    // The second one is waiting when the guard holds the first one back.
    const held = queue.scan(gone.map((path): Hint => ({ path, extent: 'entry' })))
    await Promise.all([held, queue.scan([{ path: 'other', extent: 'entry' }])])
    assert.notEqual(index.get('other'), null)
    assert.notEqual(index.get('d/f0'), null, 'held back')
    for (const end = Date.now() + DEADLINE_MS; index.get('d/f0') !== null; await delay(10)) {
      assert.ok(Date.now() < end, 'what was held back is never looked at again')
    }
    for (const name of gone) assert.equal(index.get(name), null)
  } finally {
    timers.close()
    queue.use(null)
    await closeRoot(tree, () => queue.idle())
    index.close()
    rmSync(place, { recursive: true, force: true })
  }
})
