/** When a problem of a path is over. */

import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { absent, directory, Feed, file, Scratch, symlink } from '../../../test-support/test-feed.ts'
import { type DiskEvent, MOST_KNOWN } from '../../root-messages.ts'
import { Problems } from './problems.ts'

function watched() {
  const events: DiskEvent[] = []
  const problems = new Problems((event) => events.push(event))
  const mended = () => events.flatMap((event) => (event.type === 'mended' ? event.paths : []))
  const note = (path: string, by: 'commit' | 'comparison') => problems.met({ path, code: 'EPERM', message: 'no' }, by)
  return { problems, events, mended, note }
}

test('paths that had no problem are not told of', () => {
  const { problems, events, note } = watched()
  problems.mended(['a'])
  note('a', 'commit')
  problems.mended(['b', 'a/b'])
  assert.deepEqual(
    events.map(({ type }) => type),
    ['problem'],
  )
  problems.mended(['b', 'a'])
  problems.mended(['a'])
  assert.deepEqual(events.slice(1), [{ type: 'mended', paths: ['a'] }])
})

test('a comparison ends the problems of comparisons that it did not meet again, and only below what it compared', () => {
  const { problems, mended, note } = watched()
  for (const path of ['in/again', 'in/gone', 'inside']) note(path, 'comparison')
  note('in/owed', 'commit')
  const settle = problems.compare(['in'])
  note('in/again', 'comparison')
  settle()
  assert.deepEqual(mended(), ['in/gone'])
  problems.compare(['.'])()
  assert.deepEqual(mended().sort(), ['in/again', 'in/gone', 'inside'])
})

test('of many problems the last are known', () => {
  const { problems, mended, note } = watched()
  for (let number = 0; number <= MOST_KNOWN; number += 1) note(`p${number}`, 'commit')
  problems.clear()
  assert.equal(mended().length, MOST_KNOWN)
  assert.ok(!mended().includes('p0'))
})

test('a commit ends the problems of what it made right, and of nothing else', async () => {
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open({ protect: ['local'] })
  feed.connect()
  await feed.commit([directory('d'), directory('e')])
  for (const path of ['d', 'e']) writeFileSync(scratch.at('target', path, 'local'), 'mine')
  await feed.commit([file('d', '1'), symlink('e', 'd')])
  const problems = () => feed.all('problem').map(({ path }) => path)
  const mended = () => feed.all('mended').flatMap(({ paths }) => paths)
  assert.deepEqual(problems().sort(), ['d', 'e'])
  await feed.commit([file('other', '1'), file('d', '2')])
  assert.deepEqual(mended(), [])
  await feed.commit([directory('d')])
  assert.deepEqual(mended(), ['d'])
  rmSync(scratch.at('target/e/local'))
  await feed.commit([absent('e')])
  assert.deepEqual(mended(), ['d', 'e'])
})
