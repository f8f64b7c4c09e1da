/** Configuration files that no schema can judge, and what a person reads about values that a schema refuses. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import Type from 'typebox'
import { readConfigFile } from './config-file.ts'
import { closed, NAME, pathOf } from './setting-schemas.ts'

const place = mkdtempSync(join(tmpdir(), 'rootferry-config-'))
after(() => rmSync(place, { recursive: true, force: true }))
const file = join(place, 'a.yaml')

const Root = Type.Object(
  {
    path: pathOf('a directory', { title: '' }),
    exclude: Type.Optional(Type.Array(Type.String(), { maxItems: 2, description: 'a list of patterns' })),
  },
  closed,
)
const SCHEMA = Type.Object({ roots: Type.Record(NAME, Root, closed) }, closed)

function read(content: string | Buffer) {
  writeFileSync(file, content)
  return readConfigFile(file, SCHEMA, 'nobody').value
}

const longName = 'a'.repeat(64)
const BAD: [what: string, content: string | Buffer, fault: string][] = [
  [
    'a pattern with ! and no quotes',
    'roots:\n  s: {path: a, exclude: [!b.log]}',
    '2:26: a text that begins with ! must be quoted: "!b.log"',
  ],
  [
    'a list of them',
    'roots:\n  s:\n    path: a\n    exclude:\n      - !/b/c\n',
    '5:9: a text that begins with ! must be quoted: "!/b/c"',
  ],
  ['an alias that nothing has', 'roots: {s: {path: *b}}', '1:19: a text that begins with * must be quoted: "*b"'],
  ['a key twice', 'roots: {}\nroots: {}\n', '2:1: Map keys must be unique'],
  ['two documents', 'roots: {}\n---\nroots: {}\n', '2:1: a second document begins here, one is accepted'],
  ['a NUL in a text', 'roots: {s: {path: "a\\0b"}}', '1:19: holds a NUL character, which is accepted nowhere'],
  ['another encoding', Buffer.from('# x\nroots: {s: {path: caf\xe9}}', 'latin1'), '2:22: is not UTF-8'],
  [
    'a control character in a key',
    '"a\\nb\\e[31m": 1\nroots: {}',
    '1:1: a\\nb\\u001b[31m is unknown, known here: roots',
  ],
  [
    'a path at home',
    'roots: {s: {path: ~/www}}',
    "1:13: roots.s.path begins with '~', which is not the home directory here: write out the path",
  ],
  [
    'a path that is too long',
    `roots: {s: {path: ${'a'.repeat(4_096)}}}`,
    '1:13: roots.s.path must not have more than 4095 characters',
  ],
  ['an item of another type', 'roots: {s: {path: a, exclude: [1]}}', '1:32: roots.s.exclude.0 must be a text'],
  [
    'too many items',
    'roots: {s: {path: a, exclude: [a, b, c]}}',
    '1:22: roots.s.exclude must not have more than 2 items',
  ],
  [
    'a name with a space',
    'roots: {a b: {path: a}}',
    "1:9: roots.a b is no name: letters, digits, '.', '_' and '-' are accepted, a letter or digit first, at most 63",
  ],
  [
    'a name that is too long',
    `roots: {${longName}: {path: a}}`,
    `1:9: roots.${longName} is no name: letters, digits, '.', '_' and '-' are accepted, a letter or digit first, at most 63`,
  ],
]

describe('one line says what is wrong with a file with', () => {
  for (const [what, content, fault] of BAD)
    it(what, () => assert.throws(() => read(content), { exitCode: 78, message: `${file}:${fault}` }))
})

it('a byte order mark, CRLF, and texts in quotes are accepted', () => {
  const content = '\ufeffroots:\r\n  s:\r\n    path: "./~/\u00fc b"\r\n    exclude: ["!b", "*.log"]\r\n'
  assert.deepEqual(read(content).roots, { s: { path: './~/\u00fc b', exclude: ['!b', '*.log'] } })
})
