/** The file that authorizes `accept`: written and read, missing, and damaged. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Failure } from '@rootferry/host/machine'
import { ControlSecret, readControlFile } from './control-secret.ts'

test('what is written is read by its owner alone, and a missing or damaged file is told of in words', () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'rootferry-secret-'))
  const failing = (exitCode: number, pattern: RegExp) => (error: unknown) =>
    error instanceof Failure && error.exitCode === exitCode && pattern.test(error.message)
  try {
    assert.throws(() => readControlFile(stateDir), failing(69, /none ever ran with/))
    const secret = new ControlSecret()
    secret.write(stateDir, 'http://127.0.0.1:8732')
    const { url, token } = readControlFile(stateDir)
    assert.equal(url, 'http://127.0.0.1:8732')
    assert.ok(secret.isShownBy(`Bearer ${token}`) && !secret.isShownBy(token) && !secret.isShownBy(undefined))
    const file = join(stateDir, 'control.json')
    assert.equal(statSync(file).mode & 0o777, 0o600)
    for (const text of ['', '{"url": "http://', '[]', '{"url": 1}']) {
      writeFileSync(file, text)
      assert.throws(() => readControlFile(stateDir), failing(1, /is damaged: a restart of the receiver writes it anew/))
    }
  } finally {
    rmSync(stateDir, { recursive: true })
  }
})
