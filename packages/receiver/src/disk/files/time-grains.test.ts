/** How exactly a filesystem keeps times is learnt from the first time that is set there, whatever time that is. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readObject, setAttributes } from './attributes.ts'
import { LEAVE } from './staged-change.ts'
import { TimeGrains } from './time-grains.ts'

test('a filesystem that keeps all is known to, and the object has the time that was set', () => {
  const place = mkdtempSync(join(tmpdir(), 'rootferry-grains-'))
  try {
    const file = join(place, 'file')
    writeFileSync(file, '')
    const grains = new TimeGrains()
    const set = 1_700_000_000_043_219
    setAttributes(file, 'file', { mode: null, uid: LEAVE, gid: LEAVE, mtime: set })
    // As if it had not kept what was to be set.
    for (const wrote of [set, 1_700_000_000_654_321]) {
      grains.learn(file, 'file', wrote)
      const found = readObject(file)
      assert.ok(found?.mtime === wrote && grains.isSame(found, wrote))
      assert.ok(!grains.isSame(found, wrote + 30), 'no difference is overlooked')
    }
  } finally {
    rmSync(place, { recursive: true })
  }
})
