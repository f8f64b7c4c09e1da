/** What is on a volume that source and target share may be newer than what comes, by whatever time the line takes. */
import assert from 'node:assert/strict'
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import type { StagedChange } from '../files/staged-change.ts'
import { type AgentLook, lookOf, mayBeNewer, meetsOther } from './shared-places.ts'

const DAY_MS = 86_400_000
/** More than clocks differ. */
const LATER_MS = 3_000

let place = ''
const staged = () => join(place, 'staged')
const there = () => join(place, 'there')

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'rootferry-'))
})
afterEach(() => rmSync(place, { recursive: true }))

function put(location: string, content: string, mtime: number): void {
  writeFileSync(location, content)
  utimesSync(location, mtime, mtime)
}

function met(askedMs: number | null): string {
  const walk = meetsOther(staged, there, askedMs)
  for (;;) {
    const at = walk.next()
    if (at.done === true) return at.value
  }
}

const mayBe = (look: AgentLook) => mayBeNewer('d/sub/there', there(), look)

test('what is to be removed is asked for first, unless its directory tells that it was there before', (t) => {
  put(there(), 'made anew', 1_000)
  const written = statSync(there()).ctimeMs
  const asked = Date.now() + DAY_MS
  const told = (...changes: StagedChange[]) => mayBe(lookOf(null, changes))
  const directory = (path: string, timeMs: number): StagedChange => ({
    ...{ kind: 'directory', path, staged: null, mode: 0o755, uid: 0, gid: 0 },
    mtime: Math.round(timeMs * 1_000),
  })
  const gone: StagedChange = { kind: 'absent', path: 'd/sub' }
  assert.equal(told(directory('d/sub', written + LATER_MS)), true, 'written a moment ago')
  t.mock.method(Date, 'now', () => asked)
  assert.equal(told(), true)
  assert.equal(told(directory('d', written + LATER_MS)), true, 'of another directory')
  assert.equal(told(directory('d/sub', written - LATER_MS)), true)
  assert.equal(told(directory('d/sub', written)), true)
  assert.equal(told(directory('d/sub', written + LATER_MS)), false)
  assert.equal(told(gone, directory('d', written + LATER_MS)), false)
  assert.equal(told(gone, directory('d', written - LATER_MS)), true)
  assert.equal(told(gone), true)
  assert.equal(mayBe(lookOf(asked, [])), false)
  assert.equal(mayBe(lookOf(asked - DAY_MS, [directory('d/sub', written + LATER_MS)])), true)
  assert.equal(mayBeNewer('d/nothing', join(place, 'nothing'), lookOf(null, [])), false)
})

test('a file with a later time is not replaced unless the agent has looked since', () => {
  put(there(), 'newer', 2_000)
  put(staged(), 'older', 1_000)
  assert.equal(met(null), 'newer')
  assert.equal(met(Date.now()), 'newer')
  utimesSync(there(), 500, 500)
  assert.equal(met(null), 'other')
  assert.deepEqual([readFileSync(there(), 'utf8'), readFileSync(staged(), 'utf8')], ['newer', 'older'])
})

test('of two files with one time, the same is left alone, and another is asked for first', () => {
  put(there(), 'one', 1_000)
  put(staged(), 'two', 1_000)
  assert.equal(met(null), 'newer')
  put(staged(), 'one', 1_000)
  assert.equal(met(null), 'same')
  assert.equal(existsSync(staged()), false)
})

test('a symlink neither replaces what is newer, nor its like', () => {
  symlinkSync('release-2', staged())
  put(there(), 'made in its place', 9_000_000_000)
  assert.equal(met(null), 'newer')
  rmSync(there())
  symlinkSync('release-1', there())
  assert.equal(met(null), 'newer')
  rmSync(there())
  assert.equal(met(null), 'other')
})
