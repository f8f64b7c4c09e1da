/** While its parent directories are swapped for symlinks, a commit changes nothing outside the root. */
import assert from 'node:assert/strict'
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  absent,
  directory,
  type Fed,
  Feed,
  file,
  MTIME,
  Scratch,
  symlink,
} from '../../packages/receiver/test-support/test-feed.ts'
import { imprint, ROUNDS, Swapper } from '../support/swapper.ts'

const MOST_ROUNDS = 2_000

/** The content that a swapped directory leads to: the same names, of other kinds and with other content. */
function fillOutside(place: string): void {
  mkdirSync(join(place, 'deep/inner'), { recursive: true })
  for (const name of ['f', 'g', 'deep/f', 'deep/inner/f']) writeFileSync(join(place, name), 'SECRET outside')
  symlinkSync('f', join(place, 'link'))
  mkdirSync(join(place, 'empty'))
}

/** Every operation below `d`: created, replaced, changed in its attributes only, copied from, removed. */
function changesOf(round: number): Fed[] {
  const mode = round % 2 === 0 ? 0o640 : 0o604
  const mtime = MTIME + round * 1_000_000
  const kept = file('d/g', 'kept', { mode, mtime, uid: round % 3, gid: round % 3, source: 'keep' })
  const copied = file('d/copy', 'kept', { source: { copy: 'd/g' } })
  switch (round % 4) {
    case 0:
      return [
        directory('d'),
        file('d/f', `content ${round}`, { mode, mtime }),
        directory('d/deep'),
        file('d/deep/f', 'x'),
        file('d/g', 'kept'),
      ]
    case 1:
      return [
        directory('d', { mtime }),
        symlink('d/link', `to ${round}`, { mtime }),
        directory('d/deep/inner'),
        file('d/deep/inner/f', `${round}`),
        kept,
      ]
    case 2:
      return [
        directory('d', { mtime }),
        file('d/link', 'no longer a link'),
        copied,
        directory('d/empty'),
        absent('d/deep/inner/f'),
        absent('d/deep/inner'),
      ]
    default:
      return [
        directory('d', { mtime }),
        absent('d/f'),
        absent('d/deep/f'),
        absent('d/deep'),
        absent('d/link'),
        absent('d/empty'),
        absent('d/copy'),
      ]
  }
}

test('a commit while directories become symlinks and back: nothing outside is made, changed, removed or read', async () => {
  using scratch = new Scratch()
  const outside = scratch.at('outside')
  mkdirSync(outside)
  fillOutside(outside)
  await using feed = await new Feed(scratch).open({}, { delay: () => Promise.resolve() })
  feed.connect()
  for (let round = 0; round < 4; round += 1) await feed.commit([directory('.'), ...changesOf(round)])
  const before = imprint(outside)
  let swaps = 0
  {
    await using _swapper = await Swapper.start(outside, `${feed.target}/d`, `${feed.target}/d/deep`)
    // A swap has to come in the middle of a commit, which no one can order.
    for (let round = 4; round < ROUNDS * 4 || (swaps === 0 && round < MOST_ROUNDS); round += 1) {
      await feed.commit([directory('.'), ...changesOf(round)])
      if (feed.all('problem').length > 0) swaps += 1
      feed.events.length = 0
    }
  }
  assert.deepEqual(imprint(outside), before)
  assert.ok(swaps > 0, 'nothing was ever swapped under a commit')
  assert.ok(!leaks(feed.target), 'content from outside came into the root')
})

function leaks(place: string): boolean {
  return readdirSync(place).some((name) => {
    const path = join(place, name)
    const status = lstatSync(path)
    if (status.isDirectory()) return leaks(path)
    return status.isFile() && existsSync(path) && readFileSync(path, 'utf8').includes('SECRET')
  })
}
