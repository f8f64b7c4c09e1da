/** What an older burst has left beside paths is removed, and nothing else. */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { PLACING_PREFIX } from '@rootferry/protocol'
import { Scratch } from '../../../test-support/test-feed.ts'
import { placingName, sweepPlacing } from './placing-names.ts'

test('files, directories and symlinks under the names of these paths go; paths that lead nowhere are no error', () => {
  using scratch = new Scratch()
  const at = (path: string) => scratch.at('target', path)
  const long = 'ä'.repeat(120)
  mkdirSync(placingName(at('tree')), { recursive: true })
  writeFileSync(join(placingName(at('tree')), 'inside'), '')
  writeFileSync(placingName(at('file')), '')
  symlinkSync('nowhere', placingName(at(long)))
  writeFileSync(placingName(at('not asked for')), '')
  writeFileSync(at('file'), 'stays')
  assert.ok(basename(placingName(at(long))).startsWith(PLACING_PREFIX))
  sweepPlacing({ locate: at }, ['tree', 'file', long, 'file/below', 'missing/a'])
  assert.deepEqual(readdirSync(at('.')).sort(), [basename(placingName(at('not asked for'))), 'file'].sort())
})
