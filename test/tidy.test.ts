/**
 * The rules of the house, as far as a machine can hold them. Each names file and line of a fault.
 *
 * Every rule brings text that breaks it, so that a rule which no longer notices anything is found out too.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { MUTATIONS } from './simulation/mutations.ts'
import { codeOf, readSourceTree, sourceFile } from './support/source-tree.ts'
import { MAY_IMPORT, RULES_OF_PLACES } from './tidy/places.ts'
import { packageOf } from './tidy/rule.ts'
import { RULES_OF_SHAPE } from './tidy/shape.ts'
import { MAY_NAME_PROCESS, RULES_OF_TEXTS } from './tidy/texts.ts'

const RULES = [...RULES_OF_PLACES, ...RULES_OF_SHAPE, ...RULES_OF_TEXTS]

describe('the house', () => {
  const files = readSourceTree(join(import.meta.dirname, '..'))
  const sources = (texts: Record<string, string>) => Object.entries(texts).map(([path, text]) => sourceFile(path, text))

  it('is read as a whole', () => {
    const paths = new Set(files.map(({ path }) => path))
    for (const path of ['package.json', 'pnpm-lock.yaml', '.ci/run', 'test/tidy.test.ts', MAY_NAME_PROCESS]) {
      assert.ok(paths.has(path), path)
    }
    assert.ok(!files.some(({ path }) => path.includes('node_modules/') || path.startsWith('.git/')))
    const packages = new Set(files.map(({ path }) => packageOf(path)).filter((name) => name !== null))
    assert.deepEqual([...packages].sort(), Object.keys(MAY_IMPORT).sort(), 'packages without a rule for their imports')
  })

  it('has the text that each deliberate bug of the simulation changes, once', () => {
    const textOf = new Map(files.map(({ path, text }) => [path, text]))
    const others = MUTATIONS.flatMap(({ name, replacements }) =>
      replacements
        .filter(({ file, snippet }) => textOf.get(`packages/${file}`)?.split(snippet).length !== 2)
        .map(({ file }) => `packages/${file}: ${name}`),
    )
    assert.deepEqual(others, [])
  })

  for (const { rule, faults, planted, together, innocent } of RULES) {
    it(rule, () => {
      const found = faults(files)
      assert.equal(found.length, 0, `\n${found.join('\n')}\n`)
    })

    it(`would notice otherwise: ${rule}`, () => {
      for (const [path, text] of Object.entries(planted)) {
        const found = faults(sources({ [path]: text }))
        assert.ok(found[0]?.startsWith(`${path}:`), `${path}: ${text}`)
        assert.match(found[0]?.slice(path.length) ?? '', /^:\d+: ./)
      }
      if (together !== undefined) assert.notDeepEqual(faults(sources(together)), [])
      assert.deepEqual(faults(sources(innocent ?? {})), [])
    })
  }
})

describe('the code of a text', () => {
  const CASES: [string, string][] = [
    ['a // b', 'a'],
    ['a /* b\nc */ d', 'a d'],
    ["a('b\\'c') + d", 'a( ) + d'],
    ['a("//") + b', 'a( ) + b'],
    ['a / b / c', 'a / b / c'],
    ['a(/[/"]/g, b)', 'a( , b)'],
    ['return /x/.test(b)', 'return .test(b)'],
    [`\`a\${b + \`c\${d}\`}e\` + f`, 'b + d + f'],
    [`\`a\${{ b: {} }}c\` + d`, '{ b: {} } + d'],
    ["`it's` + a // b", '+ a'],
  ]
  for (const [text, code] of CASES) {
    it(`of ${text}`, () => assert.equal(codeOf(text).replaceAll(/\s+/g, ' ').trim(), code))
  }

  it('keeps every line of this checkout where it is', () => {
    for (const { path, text, code } of readSourceTree(join(import.meta.dirname, '..'))) {
      assert.equal(code.length, text.length, path)
      assert.equal(code.split('\n').length, text.split('\n').length, path)
    }
  })
})
