/** docs/configuration.md and the YAML in it against the schemas: what is generated is up to date, what is shown is accepted. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CONFIGURATION_PAGE, withTables } from '../build/document.ts'
import { readAgentConfig } from '../packages/agent/src/config/agent-yaml.ts'
import { readReceiverConfig } from '../packages/receiver/src/config/receiver-yaml.ts'

const PAGE = readFileSync(CONFIGURATION_PAGE, 'utf8')

test('the tables of docs/configuration.md are those that the schemas make: node build/document.ts', () => {
  assert.equal(PAGE, withTables(PAGE))
})

test('a row of docs/configuration.md that was changed by hand is noticed', () => {
  const changed = PAGE.replace('| `admin.listen` |', '| `admin.port` |')
  assert.notEqual(changed, withTables(changed))
})

test('the example files of docs/configuration.md are accepted', () => {
  using directory = mkdtempDisposableSync(join(tmpdir(), 'rootferry-documents-'))
  const place = (text: string) => text.replaceAll(/(?<=: )\/var\//g, `${directory.path}/var/`)
  const [agent, receiver] = [...PAGE.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text = '']) => place(text))
  mkdirSync(join(directory.path, 'var/www/shop'), { recursive: true })
  writeFileSync(join(directory.path, 'token'), 'secret\n')
  writeFileSync(join(directory.path, 'agent.yaml'), agent ?? '')
  writeFileSync(join(directory.path, 'receiver.yaml'), receiver ?? '')
  assert.equal(readAgentConfig(join(directory.path, 'agent.yaml')).roots[0]?.name, 'shop')
  assert.equal(readReceiverConfig(join(directory.path, 'receiver.yaml'), undefined).roots[0]?.hooks.length, 1)
})
