/** A receiver.yaml that join writes reads back with the same values. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { readReceiverConfig } from '../config/receiver-yaml.ts'
import { receiverYaml } from './write-receiver-yaml.ts'

const NAMES = fc
  .constantFrom('shop', '1e3', 'null', 'on', '0x1f', '12:30', 'a.b-c_d')
  .filter((name) => !name.includes(':'))
const PATHS = fc
  .array(fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }), { minLength: 1, maxLength: 4 })
  .map((parts) => `/${parts.join('/')}`)
  .filter((path) => !path.includes('\0') && !path.split('/').some((part) => part === '.' || part === '..'))

test('any name and any directory comes back from the file as it went in', () => {
  const place = mkdtempSync(join(tmpdir(), 'rootferry-yaml-'))
  try {
    writeFileSync(join(place, 'token'), 'rf_x\n')
    fc.assert(
      fc.property(NAMES, PATHS, (name, path) => {
        const file = join(place, 'receiver.yaml')
        const values = {
          name: 'web1',
          agent: 'wss://[2001:db8::7]:8730',
          nats: null,
          ca: null,
          certificate: null,
          tokenFile: 'token',
        }
        const fingerprint = `sha256:${'0'.repeat(64)}`
        const rest = { fingerprint, allowPlaintext: false, stateDir: `/state${path}`, healthListen: '[::1]:0' }
        writeFileSync(
          file,
          receiverYaml({
            ...values,
            ...rest,
            roots: new Map([[name, `/target${path}`]]),
            protect: ['*.log', '!a "b"'],
            owner: 'root:www-data',
          }),
        )
        const config = readReceiverConfig(file, undefined)
        assert.deepEqual(
          config.roots.map((root) => [root.name, root.path, root.protect, root.owner]),
          [[name, resolve(`/target${path}`), ['*.log', '!a "b"'], { user: 'root', group: 'www-data' }]],
        )
        assert.deepEqual(config.health, { host: '::1', port: 0 })
        assert.equal(config.address.trust.fingerprint, fingerprint)
      }),
      { numRuns: 300 },
    )
  } finally {
    rmSync(place, { recursive: true })
  }
})
