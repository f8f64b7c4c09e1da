/** Parts of a series whose index went on between them: what a part says outdates what earlier parts say of its paths. */
import assert from 'node:assert/strict'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  absent,
  directory,
  type Fed,
  Feed,
  file,
  Scratch,
  segmentOf,
  symlink,
  treeOf,
} from '../../../test-support/test-feed.ts'

interface Case {
  what: string
  /** What is on the target. */
  held?: Fed[]
  parts: Fed[][]
  paths: string[]
}

const CASES: Case[] = [
  {
    what: 'a file became a directory, whose own row is beyond the series',
    parts: [[file('a', 'a file'), file('other', 'x')], [file('a/b/c', 'c')]],
    paths: ['.', 'a', 'a/b', 'a/b/c', 'other'],
  },
  {
    what: 'a symlink became a directory, which comes too',
    parts: [[symlink('a', 'other')], [file('a/b', 'b'), directory('a')]],
    paths: ['.', 'a', 'a/b'],
  },
  {
    what: 'what had gone is there again, in a directory whose own row is beyond the series',
    held: [directory('a'), file('a/b', 'old')],
    parts: [[absent('a/b'), absent('a')], [file('a/b', 'b')]],
    paths: ['.', 'a', 'a/b'],
  },
  {
    what: 'a directory became a file, before it is said what had gone with it',
    held: [directory('a'), file('a/kept', 'old')],
    parts: [[directory('a/d'), file('a/d/b', 'b'), file('a/kept', 'new')], [file('a', 'a file')], [absent('a/d/b')]],
    paths: ['.', 'a'],
  },
  {
    what: 'a directory went, before it is said what had gone with it',
    held: [directory('a'), file('a/kept', 'old')],
    parts: [[file('a/kept', 'new'), file('a!', 'beside it'), file('a0', 'beside it')], [absent('a')]],
    paths: ['.', 'a!', 'a0'],
  },
]

async function show(feed: Feed, parts: readonly Fed[][]): Promise<void> {
  for (const [at, fed] of parts.entries()) {
    feed.begin(fed.length, at + 1, at + 2, null, 9, 1)
    feed.segment(await segmentOf(fed, { to: at + 2 }))
    feed.text({ type: 'prepare', to: at + 2, doubtMs: 6_000 })
  }
  const to = parts.length + 1
  feed.text({ type: 'commit', to })
  await feed.seen('committed', ({ sequence }) => sequence === to)
}

for (const { what, held = [], parts, paths } of CASES) {
  test(`within a series ${what}`, async () => {
    using scratch = new Scratch()
    await using feed = await new Feed(scratch).open()
    feed.connect({ head: 9 })
    await feed.commit([directory('.'), ...held])
    await show(feed, parts)
    assert.deepEqual(Object.keys(treeOf(feed.target)).sort(), paths)
    assert.deepEqual(feed.all('problem'), [])
    assert.deepEqual(readdirSync(scratch.at('state/staging')), [])
  })
}

test('a new directory has the mode that the last part of a series says', async (t) => {
  // As in the daemon, where what is staged has its mode from the beginning.
  const umask = process.umask(0)
  t.after(() => process.umask(umask))
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open()
  feed.connect({ head: 9 })
  await feed.commit([directory('.')])
  const made = [directory('a'), file('a/f', 'f'), directory('b', { mode: 0o700 }), directory('c', { mode: 0o750 })]
  const last = [directory('c', { mode: 0o750 })]
  await show(feed, [made, [directory('a', { mode: 0o744 }), directory('b', { mode: 0o710 }), ...last], last])
  const modes = ['a', 'b', 'c'].map((path) => (statSync(join(feed.target, path)).mode & 0o777).toString(8))
  assert.deepEqual(modes, ['744', '710', '750'])
})
