/** The area inside the root: hidden, private, gone when empty, and without a trace in the root's time. */
import assert from 'node:assert/strict'
import { chownSync, lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { test } from 'node:test'
import { ConfinedDirectories } from '@rootferry/host/machine'
import { atOnce, Scratch } from '../../../test-support/test-feed.ts'
import { WorkArea } from './work-area.ts'

const owner = userInfo()
const TIME = 1_500_000_000.25

class Guard {
  guardedRootTime: number | null = null
  readonly history: (number | null)[] = []

  guardRootTime(mtime: number | null): void {
    this.guardedRootTime = mtime
    this.history.push(mtime)
  }
}

function makeRoot(scratch: Scratch): ConfinedDirectories {
  mkdirSync(scratch.at('root'))
  mkdirSync(scratch.at('elsewhere'))
  utimesSync(scratch.at('root'), TIME, TIME)
  return new ConfinedDirectories(scratch.at('root'))
}

test('it is made when needed, kept while it holds something, and leaves no trace', () => {
  using scratch = new Scratch()
  using confined = makeRoot(scratch)
  const guard = new Guard()
  const area = new WorkArea(confined, guard, owner, null)
  assert.deepEqual(readdirSync(scratch.at('root')), [])
  assert.equal(area.exists('trash'), false)
  const staging = area.directory('staging')
  assert.equal(area.directory('staging'), staging)
  mkdirSync(`${staging}/1`)
  writeFileSync(`${staging}/1/x`, '')
  writeFileSync(`${staging}/p1`, 'a partial file')
  assert.equal(lstatSync(scratch.at('root/.rootferry')).mode & 0o777, 0o700)
  assert.deepEqual(readdirSync(scratch.at('root/.rootferry/staging')).sort(), ['1', 'p1'])
  atOnce(area.tidy(new Set(['p1'])))
  assert.deepEqual(readdirSync(scratch.at('root/.rootferry/staging')), ['p1'])
  atOnce(area.tidy(new Set()))
  assert.deepEqual(readdirSync(scratch.at('root')), [])
  assert.equal(lstatSync(scratch.at('root')).mtimeMs, TIME * 1000)
  assert.deepEqual(guard.history, [TIME * 1e6, null, TIME * 1e6, null])
  area.close()
})

test('the path of one place stays good when the other is opened, or has to be made again', () => {
  using scratch = new Scratch()
  using confined = makeRoot(scratch)
  const area = new WorkArea(confined, new Guard(), owner, null)
  const staging = area.directory('staging')
  writeFileSync(`${staging}/1`, 'staged')
  area.directory('trash')
  assert.deepEqual(readdirSync(staging), ['1'])
  rmSync(scratch.at('root/.rootferry/trash'), { recursive: true })
  writeFileSync(`${area.directory('trash')}/2`, 'thrown away')
  assert.deepEqual(readdirSync(staging), ['1'])
  area.close()
})

test('a time that a killed process could not give back is given back by the next', () => {
  using scratch = new Scratch()
  using confined = makeRoot(scratch)
  const guard = new Guard()
  guard.guardedRootTime = (TIME - 50) * 1e6
  new WorkArea(confined, guard, owner, null).close()
  assert.equal(lstatSync(scratch.at('root')).mtimeMs, (TIME - 50) * 1000)
  assert.equal(guard.guardedRootTime, null)
})

test('an object that others put in its place leads nowhere and admits no one', () => {
  using scratch = new Scratch()
  using confined = makeRoot(scratch)
  const area = new WorkArea(confined, new Guard(), owner, null)
  symlinkSync(scratch.at('elsewhere'), scratch.at('root/.rootferry'))
  assert.equal(area.exists('staging'), false)
  writeFileSync(`${area.directory('staging')}/1`, '')
  assert.deepEqual(readdirSync(scratch.at('elsewhere')), [])
  atOnce(area.tidy(new Set()))
  mkdirSync(scratch.at('root/.rootferry'), { mode: 0o777 })
  area.directory('trash')
  assert.equal(lstatSync(scratch.at('root/.rootferry')).mode & 0o777, 0o700)
  atOnce(area.tidy(new Set()))
  mkdirSync(scratch.at('root/.rootferry'))
  symlinkSync(scratch.at('elsewhere'), scratch.at('root/.rootferry/staging'))
  writeFileSync(`${area.directory('staging')}/1`, '')
  assert.deepEqual(readdirSync(scratch.at('root/.rootferry/staging')), ['1'])
  assert.deepEqual(readdirSync(scratch.at('elsewhere')), [])
  area.close()
})

test('what somebody else has put into its staging is removed before it is used', (t) => {
  if (owner.uid !== 0) return t.skip('directories of other users need root')
  using scratch = new Scratch()
  using confined = makeRoot(scratch)
  mkdirSync(scratch.at('root/.rootferry/staging/1'), { recursive: true })
  writeFileSync(scratch.at('root/.rootferry/staging/p1'), 'planted')
  for (const place of ['root/.rootferry', 'root/.rootferry/staging']) chownSync(scratch.at(place), 65_534, 65_534)
  const area = new WorkArea(confined, new Guard(), owner, null)
  assert.deepEqual(readdirSync(area.directory('staging')), [])
  assert.equal(lstatSync(scratch.at('root/.rootferry/staging')).uid, 0)
  area.close()
})
