/** Which token the command line asks with. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AgentConfig } from '../config/agent-yaml.ts'
import { AdminClient } from './admin-client.ts'

const CONFIG = { admin: { host: '127.0.0.1', port: 1 }, stateDir: '/nonexistent' } as AgentConfig

test('what no header can carry is no token: 77 and one line', () => {
  for (const text of ['two\nlines', 'r\u00e4tsel'])
    assert.throws(() => new AdminClient(CONFIG, text), {
      exitCode: 77,
      message: /^ROOTFERRY_TOKEN in the environment is no token: the one line that /,
    })
})

test('white space around a token is not part of it, and alone it is none', () => {
  assert.equal(new AdminClient(CONFIG, ' rf_x\n').url, 'http://127.0.0.1:1')
  assert.throws(() => new AdminClient(CONFIG, ' \n'), { exitCode: 69 })
})
