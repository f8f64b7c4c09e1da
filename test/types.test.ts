/** The types of the checkout, checked beside the other tests: by one checker, as several check twice what they share. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

test('the types agree', () => {
  const cwd = join(import.meta.dirname, '..')
  const { status, stdout, stderr } = spawnSync('npm', ['run', '--silent', 'types'], { cwd, encoding: 'utf8' })
  assert.equal(status, 0, `${stdout}${stderr}`)
})
