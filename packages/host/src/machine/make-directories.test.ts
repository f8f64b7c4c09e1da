/** Directories are made with everything above them, and where that is impossible the call fails, and soon. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeDirectories } from './make-directories.ts'

test('directories are made with all above them, and those that are there are fine', () => {
  const place = mkdtempSync(join(tmpdir(), 'rootferry-directories-'))
  try {
    makeDirectories(join(place, 'a/b/c'), 0o700)
    makeDirectories(join(place, 'a/b/c'), 0o755)
    for (const path of ['a', 'a/b', 'a/b/c']) assert.equal(statSync(join(place, path)).mode & 0o777, 0o700)
    writeFileSync(join(place, 'file'), '')
    symlinkSync('nowhere', join(place, 'dangling'))
    assert.throws(() => makeDirectories(join(place, 'file'), 0o700), { code: 'EEXIST' })
    assert.throws(() => makeDirectories(join(place, 'file/below'), 0o700), { code: 'EEXIST' })
    assert.throws(() => makeDirectories(join(place, 'dangling/below'), 0o700), { code: 'ENOENT' })
  } finally {
    rmSync(place, { recursive: true })
  }
})

test('where nothing can be made it ends, with the error', () => {
  for (const path of ['/proc/rootferry', '/proc/rootferry/below'])
    assert.throws(() => makeDirectories(path, 0o700), { code: 'ENOENT' })
})
