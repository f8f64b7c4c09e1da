/** Values of receiver.yaml that have the right type and cannot be meant. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { readReceiverConfig } from './receiver-yaml.ts'

const place = mkdtempSync(join(tmpdir(), 'rootferry-receiver-yaml-'))
after(() => rmSync(place, { recursive: true, force: true }))
const file = join(place, 'receiver.yaml')
mkdirSync(join(place, 'directory'))
writeFileSync(join(place, 'two-lines'), 'rf_a\nrf_b\n')
writeFileSync(join(place, 'empty'), '')

const GOOD = { agent: 'ws://127.0.0.1:1', roots: { s: { path: 'target' } } }
const read = (settings: object, token = 'rf_x') => {
  writeFileSync(file, JSON.stringify({ ...GOOD, ...settings }))
  return readReceiverConfig(file, token)
}

const health = (settings: object) => ({ health: { listen: '127.0.0.1:8732', ...settings } })
const REFUSED: [what: string, settings: object, says: RegExp][] = [
  ['the port 0 of an agent', { agent: 'ws://127.0.0.1:0' }, /:1:2: agent must be wss:\/\/HOST:PORT/],
  [
    'a user in the address of an agent',
    { agent: 'ws://me:secret@127.0.0.1:1' },
    /:1:2: agent must be wss:\/\/HOST:PORT/,
  ],
  ['a query behind it', { agent: 'ws://127.0.0.1:1?a=b' }, /:1:2: agent must be wss:\/\/HOST:PORT/],
  ['a token of two lines', { tokenFile: 'two-lines' }, /: tokenFile holds no token: the one line that /],
  [
    'probes where the status answers',
    health({ probe: { listen: '127.0.0.1:8732' } }),
    /health\.probe\.listen must differ/,
  ],
  [
    'probes on every address of that port',
    health({ probe: { listen: '0.0.0.0:8732' } }),
    /health\.probe\.listen must differ/,
  ],
  [
    'its own file as readyFile',
    health({ readyFile: 'receiver.yaml' }),
    /readyFile is there, and is not the empty file/,
  ],
  ['a directory as readyFile', health({ readyFile: 'directory' }), /readyFile is there, and is not the empty file/],
]

describe('refused with the place and what is accepted:', () => {
  for (const [what, settings, says] of REFUSED)
    it(what, () => assert.throws(() => read(settings), { exitCode: 78, message: says }))
  it('a token that no header can carry, in the environment', () =>
    assert.throws(() => read({}, 'r\u00e4tsel'), {
      exitCode: 78,
      message: /: ROOTFERRY_TOKEN in the environment is no token/,
    }))
})

it('white space around a token, an empty readyFile, and one port of two addresses are accepted', () => {
  assert.equal(read({}, ' rf_x\n').address.token, 'rf_x')
  assert.equal(read(health({ readyFile: 'empty' })).readyFile, join(place, 'empty'))
  assert.equal(read(health({ probe: { listen: '[::1]:8732' } })).probe?.host, '::1')
})
