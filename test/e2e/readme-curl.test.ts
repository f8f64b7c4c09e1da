/** The HTTP session of the README, run as it is printed against real daemons; only ports and places are the test's. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { AGENT } from '../../build/programs.ts'
import { Rig } from '../support/rig.ts'

/** The first shell block of the README that has `curl` in it. */
function session(): string {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const blocks = [...readme.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text = '']) => text)
  const found = blocks.find((block) => block.includes('curl '))
  assert.ok(found !== undefined, 'the README has no such block')
  return found
}

test('every curl of the README works as printed', async () => {
  await using rig = await Rig.start({ receivers: 1, prepare: (source) => writeFileSync(join(source, 'a'), 'a') })
  await rig.inSync()
  const bin = join(rig.place, 'bin')
  mkdirSync(bin)
  const revoke = `${process.execPath} ${AGENT} token revoke ops --config ${join(rig.place, 'agent.yaml')}`
  const program = `#!/bin/sh\nexec ${process.execPath} ${AGENT} "$@" --config ${join(rig.place, 'agent.yaml')}\n`
  writeFileSync(join(bin, 'rootferry-agent'), program)
  chmodSync(join(bin, 'rootferry-agent'), 0o755)
  const script = session()
    .replaceAll('http://127.0.0.1:8731', rig.adminUrl)
    .replaceAll('http://127.0.0.1:8732', rig.healthUrl(0))
    .replaceAll('/v1/roots/shop/', '/v1/roots/site/')
  // The rig has a token of that name already.
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', `${revoke}\n${script}`], {
    env: { ...process.env, PATH: `${bin}:${process.env['PATH']}` },
  })
  assert.match(stdout, /"receivers":\[\{"name":"web1"/)
  assert.match(stdout, /\{"id":"[0-9a-f]{16}","root":"site","check":"content","dryRun":true/)
  assert.match(stdout, /"code":"not-halted"/)
  assert.match(stdout, /: connected/)
  assert.equal([...stdout.matchAll(/\{"status":"ready"\}/g)].length, 2)
  assert.match(stdout, /^rootferry_build_info/m)
  assert.match(stdout, /"openapi":"3\.1\.0"/)
})
