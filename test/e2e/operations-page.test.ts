/** The HTTP session of docs/operations.md, run as it is printed against real daemons; only ports and places are the test's. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { AGENT } from '../../build/programs.ts'
import { Rig } from '../support/rig.ts'

const PAGE = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
const SESSION = [...PAGE.matchAll(/^```sh\n(.*?)^```$/gms)]
  .map(([, text = '']) => text)
  .filter((block) => block.includes('curl '))

test('every curl of docs/operations.md works as printed', async () => {
  assert.equal(SESSION.length, 3)
  await using rig = await Rig.start({
    receivers: 1,
    prepare: (source) => writeFileSync(join(source, 'a'), 'right'),
  })
  await rig.inSync()
  writeFileSync(join(rig.targets[0] ?? '', 'a'), 'drift')
  const bin = join(rig.place, 'bin')
  mkdirSync(bin)
  const revoke = `${process.execPath} ${AGENT} token revoke ops --config ${join(rig.place, 'agent.yaml')}`
  const program = `#!/bin/sh\nexec ${process.execPath} ${AGENT} "$@" --config ${join(rig.place, 'agent.yaml')}\n`
  writeFileSync(join(bin, 'rootferry-agent'), program)
  chmodSync(join(bin, 'rootferry-agent'), 0o755)
  const script = SESSION.join('\n')
    .replaceAll('http://127.0.0.1:8731', rig.adminUrl)
    .replaceAll('http://127.0.0.1:8732', rig.healthUrl(0))
    .replaceAll('/v1/roots/shop/', '/v1/roots/site/')
  // The rig has a token of that name already.
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', `${revoke}\n${script}`], {
    env: { ...process.env, PATH: `${bin}:${process.env['PATH']}`, HOME: rig.place },
  })
  assert.match(stdout, /"receivers":\[\{"name":"web1"/)
  // The dry run is over, has found what drifted, and was cancelled by nothing.
  assert.match(stdout, /\{"id":"[0-9a-f]{16}","root":"site","check":"content","dryRun":true,"state":"done"/)
  assert.match(stdout, /"differences":\[\{"path":"a","kind":"changed"/)
  assert.doesNotMatch(stdout, /"state":"cancelled"/)
  assert.match(stdout, /"code":"not-halted"/)
  assert.match(stdout, /: connected/)
  assert.equal([...stdout.matchAll(/\{"status":"ready"/g)].length, 2)
  assert.match(stdout, /^rootferry_build_info/m)
  assert.match(stdout, /"openapi":"3\.1\.0"/)
  assert.equal(statSync(join(rig.place, '.rootferry-ops')).mode & 0o777, 0o600)
})

test('no command of docs/operations.md has a token among its arguments', () => {
  for (const block of SESSION) {
    assert.doesNotMatch(block, /(?:curl|-H)[^\n]*(?:Bearer|\$ADMIN|\$TOKEN)/)
    assert.match(block, /curl -fsSH @"\$HOME\/\.rootferry-ops"/)
  }
})
