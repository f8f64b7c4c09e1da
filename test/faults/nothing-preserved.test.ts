/** A root that preserves nothing besides attributes costs nothing for it: the kernel is asked for no attribute's name. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { test } from 'node:test'
import { diskPlace } from '../support/disk-place.ts'
import { straceIsMissing } from './strace.ts'

const LOCAL = join(import.meta.dirname, '../../packages/local/src/main.ts')
const CALLS = ['list', 'get', 'set', 'remove'].flatMap((verb) => [`${verb}xattr`, `l${verb}xattr`, `f${verb}xattr`])

test('without preserve no ACL and no extended attribute of an entry is read or set', (t) => {
  const missing = straceIsMissing()
  if (missing !== null) return t.skip(missing)
  const place = mkdtempSync(join(diskPlace(), 'rootferry-nothing-'))
  try {
    mkdirSync(join(place, 'source/d'), { recursive: true })
    for (let file = 0; file < 20; file += 1) writeFileSync(join(place, `source/d/f${file}`), 'x')
    const log = join(place, 'log')
    const traced = ['-f', '-e', `trace=${CALLS.join(',')}`, '-o', log, execPath, LOCAL]
    const { status, stderr } = spawnSync('strace', [...traced, join(place, 'source'), join(place, 'target'), '--once'])
    assert.equal(status, 0, String(stderr))
    const calls = readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => line.includes('xattr('))
    // What a directory hands down is looked at once for each directory.
    const others = calls.filter((line) => !line.includes('getxattr(') || !line.includes('"system.posix_acl_default"'))
    assert.deepEqual(others, [])
    assert.ok(calls.length <= 4, calls.join('\n'))
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
})
