/**
 * docs/guarantees.md and docs/security.md name tests: every named test must exist, and every guarantee must name one and
 * list its exceptions with their reason and how a person notices them.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MUTATIONS } from './simulation/mutations.ts'

const ROOT = join(import.meta.dirname, '..')
const CLAIM = /^- `([^`]+)`: (.+)$/gm

function hasTest(file: string, name: string): boolean {
  const mutation = /^would notice: (.+)$/.exec(name)?.[1]
  if (file.startsWith('test/simulation/') && mutation !== undefined) {
    return MUTATIONS.some((one) => one.name === mutation)
  }
  const text = readFileSync(join(ROOT, file), 'utf8')
  // A title that is put together is named by its constant beginning.
  const isBeginning = text
    .split(`test(\`${name}`)
    .slice(1)
    .some((rest) => /^[^`]{0,9}\$\{/.test(rest))
  return isBeginning || text.includes(`'${name.replaceAll("'", "\\'")}'`)
}

test('every test that docs/guarantees.md names exists', () => {
  const claims = [...readFileSync(join(ROOT, 'docs/guarantees.md'), 'utf8').matchAll(CLAIM)]
  assert.ok(claims.length > 10)
  const missing = claims.filter(([, file = '', name = '']) => !hasTest(file, name)).map(([line]) => line)
  assert.deepEqual(missing, [])
})

test('every guarantee names a test, and its exceptions', () => {
  const sections = readFileSync(join(ROOT, 'docs/guarantees.md'), 'utf8')
    .split(/^## (?=G\d)/m)
    .slice(1)
  assert.deepEqual(
    sections.map((section) => section.split(' ')[0]),
    ['G1', 'G2', 'G3', 'G4', 'G5', 'G6', 'G7', 'G8', 'G9', 'G10'],
  )
  for (const section of sections) assert.match(section, new RegExp(CLAIM.source, 'm'), section.slice(0, 30))
  for (const section of sections) {
    const [heading, ...rows] = section.split('\n').filter((line) => line.startsWith('|'))
    assert.equal(heading, '| exception | why | how you notice |', section.slice(0, 30))
    assert.ok(rows.length > 1, section.slice(0, 30))
    for (const row of rows) assert.match(row, /^(?:\| [^|]+ ){3}\|$|^\|---\|---\|---\|$/, row)
  }
})

test('every test file that docs/security.md names exists', () => {
  const sections = readFileSync(join(ROOT, 'docs/security.md'), 'utf8').split(/^## /m).slice(1)
  const files = sections.flatMap((section) =>
    [...section.matchAll(/`([\w./-]+\.test\.ts)`/g)].map(([, file = '']) => file),
  )
  assert.ok(files.length > 20)
  assert.deepEqual(
    files.filter((file) => !existsSync(join(ROOT, file))),
    [],
  )
})
