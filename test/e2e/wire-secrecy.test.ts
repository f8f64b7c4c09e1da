/**
 * What an eavesdropper between agent and receiver can read: nothing with TLS; a recording without TLS proves that the
 * test would see it.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Line } from '../support/line.ts'
import { Rig } from '../support/rig.ts'

const CONTENT = 'database password: correct horse battery staple'
const NAME = 'a-file-name-to-be-seen'

/** All bytes of both directions while a file of that name and content is synchronized. */
async function recorded(tls: boolean): Promise<{ line: string; token: string }> {
  const prepare = (source: string) => {
    mkdirSync(source, { recursive: true })
    writeFileSync(join(source, NAME), CONTENT)
  }
  await using rig = await Rig.start({ receivers: 1, receiversLater: true, tls, prepare })
  await using line = await Line.to(rig.agentPort, { records: true })
  await rig.redirect(0, line.port)
  await rig.converged()
  const token = readFileSync(join(rig.place, 'web1/token'), 'utf8').trim()
  return { line: line.recording, token }
}

test('over TLS neither content nor file names nor the token are on the line', async () => {
  const { line, token } = await recorded(true)
  assert.ok(line.length > 1_000)
  for (const secret of [CONTENT, NAME, token, 'rf_', 'Bearer', 'hello']) assert.ok(!line.includes(secret), secret)
})

test('in plain text they are, so that the recording would show them', async () => {
  const { line, token } = await recorded(false)
  for (const secret of [CONTENT, NAME, token]) assert.ok(line.includes(secret), secret)
})
