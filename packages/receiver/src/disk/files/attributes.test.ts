/** Attributes are set on the object itself, whatever was put in its place. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, lstatSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { ConfinedDirectories, chooseSystemCalls } from '@rootferry/host/machine'
import { MTIME, Scratch } from '../../../test-support/test-feed.ts'
import { objectOfStatus, readObject, setAttributes } from './attributes.ts'
import { LEAVE } from './staged-change.ts'

const change = { mode: 0o751, uid: LEAVE, gid: LEAVE, mtime: MTIME }

test('a file or directory that became a symlink is not followed, nor a FIFO waited for', () => {
  using scratch = new Scratch()
  mkdirSync(scratch.at('elsewhere'))
  writeFileSync(scratch.at('elsewhere/f'), 'x')
  for (const name of ['elsewhere', 'elsewhere/f']) {
    chmodSync(scratch.at(name), 0o700)
    utimesSync(scratch.at(name), 1000, 1000)
  }
  symlinkSync('elsewhere', scratch.at('d'))
  symlinkSync('elsewhere/f', scratch.at('f'))
  execFileSync('mkfifo', [scratch.at('pipe')])
  const gone = { code: 'ENOENT' }
  assert.throws(() => setAttributes(scratch.at('d'), 'directory', change), gone)
  assert.throws(() => setAttributes(scratch.at('f'), 'file', change), gone)
  assert.throws(() => setAttributes(scratch.at('pipe'), 'file', change), gone)
  for (const name of ['elsewhere', 'elsewhere/f']) {
    const { mode, mtimeMs } = lstatSync(scratch.at(name))
    assert.deepEqual([mode & 0o777, mtimeMs], [0o700, 1_000_000])
  }
})

test('what is set is what is read, and what is left is left', () => {
  using scratch = new Scratch()
  writeFileSync(scratch.at('f'), 'abc')
  setAttributes(scratch.at('f'), 'file', change)
  const { uid, gid, dev: device, ino: inode } = lstatSync(scratch.at('f'))
  const same = { device, inode, links: 1 }
  assert.deepEqual(readObject(scratch.at('f')), { kind: 'file', size: 3, mode: 0o751, uid, gid, mtime: MTIME, ...same })
  setAttributes(scratch.at('f'), 'file', { ...change, mode: null, mtime: -5 })
  assert.deepEqual(readObject(scratch.at('f')), { kind: 'file', size: 3, mode: 0o751, uid, gid, mtime: -5, ...same })
  assert.equal(readObject(scratch.at('nothing')), null)
})

test('a status of either way of calling the kernel says of every kind of object what node:fs says', () => {
  using scratch = new Scratch()
  mkdirSync(scratch.at('d'), 0o2751)
  execFileSync('mkfifo', [scratch.at('d/pipe')])
  symlinkSync('nowhere', scratch.at('d/link'))
  for (const [number, seconds] of [-1.000_001, 1.123_457, 4_102_444_800.654_321, Date.now() / 1_000].entries()) {
    writeFileSync(scratch.at(`d/f${number}`), 'x'.repeat(number))
    utimesSync(scratch.at(`d/f${number}`), String(seconds), String(seconds))
  }
  for (const setting of ['libc', 'portable'] as const) {
    const { paths } = chooseSystemCalls(setting).calls
    using confined = new ConfinedDirectories(scratch.at(''), 'followed', paths)
    for (const path of ['d', 'd/pipe', 'd/link', 'd/f0', 'd/f1', 'd/f2', 'd/f3']) {
      const [directory, name] = path.includes('/') ? ['d', path.slice(2)] : ['', path]
      const status = confined.statusIn(directory, name)
      assert.ok(status !== null, path)
      assert.deepEqual(objectOfStatus(status), readObject(scratch.at(path)), `${path}, ${setting}`)
    }
    assert.equal(confined.statusIn('d', 'nothing'), null)
  }
})
