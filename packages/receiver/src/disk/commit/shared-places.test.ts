/** What is on a volume that source and target share may be newer than what comes, by whatever time the line takes. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { mayBeNewer, meetsOther } from './shared-places.ts'

const DAY_MS = 86_400_000

let place = ''
const staged = () => join(place, 'staged')
const there = () => join(place, 'there')

/** A place of the test's own. */
function begin(t: TestContext): void {
  place = mkdtempSync(join(tmpdir(), 'rootferry-'))
  t.after(() => rmSync(place, { recursive: true }))
}

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

test('what is to be removed is asked for first, whenever it was written', (t) => {
  begin(t)
  put(there(), 'made anew', 1_000)
  const asked = Date.now() + DAY_MS
  assert.equal(mayBeNewer(there(), null), true)
  t.mock.method(Date, 'now', () => asked)
  assert.equal(mayBeNewer(there(), null), true)
  assert.equal(mayBeNewer(there(), asked), false)
  assert.equal(mayBeNewer(there(), asked - DAY_MS), true)
  assert.equal(mayBeNewer(join(place, 'nothing'), null), false)
})

test('a file with a later time is not replaced unless the agent has looked since', (t) => {
  begin(t)
  put(there(), 'newer', 2_000)
  put(staged(), 'older', 1_000)
  assert.equal(met(null), 'newer')
  assert.equal(met(Date.now()), 'newer')
  utimesSync(there(), 500, 500)
  assert.equal(met(null), 'other')
  assert.deepEqual([readFileSync(there(), 'utf8'), readFileSync(staged(), 'utf8')], ['newer', 'older'])
})

test('of two files with one time, the same is left alone, and another is asked for first', (t) => {
  begin(t)
  put(there(), 'one', 1_000)
  put(staged(), 'two', 1_000)
  assert.equal(met(null), 'newer')
  put(staged(), 'one', 1_000)
  assert.equal(met(null), 'same')
  assert.equal(existsSync(staged()), false)
})

test('a symlink neither replaces what is newer, nor its like', (t) => {
  begin(t)
  symlinkSync('release-2', staged())
  put(there(), 'made in its place', 9_000_000_000)
  assert.equal(met(null), 'newer')
  rmSync(there())
  symlinkSync('release-1', there())
  assert.equal(met(null), 'newer')
  rmSync(there())
  assert.equal(met(null), 'other')
})
