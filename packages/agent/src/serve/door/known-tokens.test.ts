/** The tokens in force, over a real file that is changed and removed. */
import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import { KnownTokens } from './known-tokens.ts'
import { createToken, revokeToken } from './tokens.ts'

const NEVER_EXPIRES = { admin: false, roots: null }

test('a token file that is gone ends no token, and one without a token does', () => {
  const place = mkdtempSync(join(tmpdir(), 'rootferry-tokens-'))
  const file = join(place, 'tokens.json')
  const [said, ended]: [string[], string[]] = [[], []]
  const log = pino({ level: 'error' }, { write: (line: string) => void said.push(line) })
  const names = () => known.all.map(({ name }) => name)
  createToken(file, { name: 'web1', ...NEVER_EXPIRES }, new Date())
  createToken(file, { name: 'web2', ...NEVER_EXPIRES }, new Date())
  const known = new KnownTokens(file, log, ({ name }) => void ended.push(name))
  try {
    known.open()
    renameSync(file, join(place, 'away'))
    known.read()
    assert.deepEqual([names(), ended], [['web1', 'web2'], []])
    assert.match(said.join(''), /tokens\.json is missing/)
    renameSync(join(place, 'away'), file)
    revokeToken(file, 'web1')
    known.read()
    assert.deepEqual([names(), ended], [['web2'], ['web1']])
    revokeToken(file, 'web2')
    known.read()
    assert.deepEqual([names(), ended], [[], ['web1', 'web2']])
    rmSync(file)
    said.length = 0
    known.read()
    assert.deepEqual(said, [], 'none was in force')
  } finally {
    known.close()
    rmSync(place, { recursive: true })
  }
})
