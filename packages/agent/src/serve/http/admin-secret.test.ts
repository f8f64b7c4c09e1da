/**
 * The address and token that a running agent leaves for its command line: for its owner alone, and valid for one life.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { findToken } from '../door/tokens.ts'
import { AdminAccess, readAdminSecret } from './admin-secret.ts'

test('what is left is readable by its owner only, and opens the agent that left it and no other', () => {
  const place = mkdtempSync(join(tmpdir(), 'rootferry-secret-'))
  try {
    assert.equal(readAdminSecret(place), null)
    const access = new AdminAccess(new Date(0))
    access.publish(place, 'http://127.0.0.1:1')
    assert.equal(statSync(join(place, 'admin.json')).mode & 0o777, 0o600)
    const secret = readAdminSecret(place)
    assert.equal(secret?.url, 'http://127.0.0.1:1')
    assert.equal(findToken([access.stored], secret?.token ?? '')?.admin, true)
    assert.equal(findToken([new AdminAccess(new Date(0)).stored], secret?.token ?? ''), null)
    assert.ok(!JSON.stringify(access.stored).includes(secret?.token ?? ''))
    writeFileSync(join(place, 'admin.json'), '{')
    assert.equal(readAdminSecret(place), null)
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
})
