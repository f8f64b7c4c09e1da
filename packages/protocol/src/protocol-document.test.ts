/**
 * docs/protocol.md against the code, both ways: every message, field, limit, close reason and version is in its tables, with
 * the bounds that the schemas have, and the tables name nothing that does not exist.
 *
 * The test writes a field's type from its schema, and the row in the document must say the same to the letter.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import * as changes from './changeset.ts'
import { decodeToAgent, decodeToReceiver } from './codec.ts'
import * as entry from './entry.ts'
import { CLOSE_REASONS } from './errors.ts'
import { LIMITS } from './limits.ts'
import { ListedDirectory, ListedFile, ListedSymlink, ListedUnsettled } from './manifest.ts'
import * as messages from './messages.ts'
import { HISTORY, STREAM_PATH } from './version.ts'

const TEXT = readFileSync(join(import.meta.dirname, '../../../docs/protocol.md'), 'utf8')

interface Schema {
  type?: string
  const?: string
  properties?: Record<string, Schema>
  items?: Schema | Schema[]
  anyOf?: Schema[]
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  minItems?: number
  maxItems?: number
}

const hello = messages.Hello.properties
/** Named types, by their name in the document. Some are the same to a machine and not to a reader. */
const NAMED: Record<string, Schema> = {
  count: entry.Count,
  sequence: entry.Sequence,
  mode: entry.Mode,
  owner: entry.OwnerId,
  time: entry.MtimeUs,
  request: messages.Want.properties.request,
  path: entry.EntryPath,
  target: entry.LinkTarget,
  digest: entry.Digest,
  token: messages.Welcome.properties.epoch,
  root: hello.root,
  cursor: withoutNull(messages.List.properties.after),
  name: ListedFile.items[0],
  'owner name': elementOf(entry.OwnerNames, 1),
}
const CHANGES: Record<string, Schema> = {
  absent: changes.AbsentChange,
  directory: changes.DirectoryChange,
  symlink: changes.SymlinkChange,
  file: changes.FileChange,
  link: changes.LinkChange,
}
const DIRECTIONS = { agent: messages.TO_AGENT, receiver: messages.TO_RECEIVER }

function withoutNull(schema: Schema): Schema {
  return schema.anyOf?.find(({ type }) => type !== 'null') ?? {}
}

function elementOf(schema: Schema, place: number): Schema {
  const tuple = Array.isArray(schema.items) ? schema : (schema.items ?? {})
  return Array.isArray(tuple.items) ? (tuple.items[place] ?? {}) : {}
}

const key = (schema: Schema) => JSON.stringify(schema)
/** Two strings with the same refinement are the same type; a string without it is another type. */
const namesOf = (schema: Schema) => Object.keys(NAMED).filter((name) => key(NAMED[name] ?? {}) === key(schema))

/** Every way in which the document may write a schema's type. */
function typesOf(schema: Schema): string[] {
  const named = namesOf(schema)
  if (named.length > 0) return named
  if (schema.const !== undefined) return [JSON.stringify(schema.const)]
  if (schema.anyOf !== undefined) return [...new Set(unionOf(schema.anyOf))]
  if (Array.isArray(schema.items)) return productOf(schema.items.map(typesOf)).map((types) => `(${types.join(', ')})`)
  if (schema.items !== undefined) {
    return typesOf(schema.items).map((item) => `list ${schema.minItems ?? 0}…${schema.maxItems} of ${item}`)
  }
  if (schema.type === 'integer') return [`integer ${schema.minimum}…${schema.maximum}`]
  if (schema.type === 'string') return [`text ${schema.minLength ?? 0}…${schema.maxLength}`]
  return [schema.type ?? 'nothing']
}

function unionOf(branches: Schema[]): string[] {
  if (key({ anyOf: branches }) === key(changes.Change)) return ['change']
  if (key({ anyOf: branches }) === key(changes.AheadChange)) return ['change ahead']
  if (branches.every(({ items }) => Array.isArray(items))) return ['entry']
  return productOf(branches.map(typesOf)).map((types) => types.join(' or '))
}

function productOf(choices: string[][]): string[][] {
  return choices.reduce<string[][]>(
    (rows, options) => rows.flatMap((row) => options.map((option) => [...row, option])),
    [[]],
  )
}

/** Fields of a schema with their types, as the document's tables name them. */
function fieldsOf(schema: Schema, prefix = ''): Map<string, string[]> {
  const fields = new Map<string, string[]>()
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    const field = prefix === '' ? name : `${prefix}.${name}`
    fields.set(field, typesOf(inner))
    for (const [deeper, types] of insideOf(inner, field)) fields.set(deeper, types)
  }
  return fields
}

function insideOf(schema: Schema, field: string): Map<string, string[]> {
  if (schema.properties !== undefined) return fieldsOf(schema, field)
  if (schema.items !== undefined && !Array.isArray(schema.items) && schema.items.properties !== undefined) {
    return fieldsOf(schema.items, `${field}[]`)
  }
  const objects = schema.anyOf?.filter(({ properties }) => properties !== undefined) ?? []
  return new Map(objects.flatMap((object) => [...fieldsOf(object, field)]))
}

/** The text below a heading, down to the next one of its level or above. */
function sectionOf(heading: string): string {
  const level = /^#+/.exec(heading)?.[0].length ?? 0
  const lines = TEXT.split('\n')
  const start = lines.indexOf(heading)
  assert.ok(start >= 0, `docs/protocol.md lacks the heading: ${heading}`)
  const rest = lines.slice(start + 1)
  const end = rest.findIndex((line) => new RegExp(`^#{1,${level}} `).test(line))
  return rest.slice(0, end < 0 ? rest.length : end).join('\n')
}

/** Rows of the first table in a text, without its head; code marks are taken off. */
function tableOf(text: string): string[][] {
  const lines = text.split('\n').map((line) => line.trim())
  const start = lines.findIndex((line) => line.startsWith('|'))
  const table = start < 0 ? [] : lines.slice(start)
  const end = table.findIndex((line) => !line.startsWith('|'))
  const cells = (row: string) =>
    row
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim().replaceAll('`', ''))
  return (end < 0 ? table : table.slice(0, end)).slice(2).map(cells)
}

function headingsOf(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((found) => found[1] ?? '')
}

function assertFields(what: string, schema: Schema, section: string): void {
  const rows = new Map(tableOf(section).map(([field = '', type = '']) => [field, type]))
  const fields = fieldsOf(schema)
  assert.deepEqual([...rows.keys()].sort(), [...fields.keys()].sort(), `the fields of ${what} in docs/protocol.md`)
  for (const [field, types] of fields) {
    const type = rows.get(field) ?? ''
    assert.ok(
      types.includes(type),
      `${what} ${field}: docs/protocol.md says '${type}', its schema '${types.join(`' or '`)}'`,
    )
  }
}

describe('docs/protocol.md', () => {
  for (const [direction, schemas] of Object.entries(DIRECTIONS)) {
    const section = () => {
      const heading = TEXT.split('\n').find(
        (line) => /^## \d+\. /.test(line) && line.endsWith(`Messages to the ${direction}`),
      )
      return sectionOf(heading ?? `## Messages to the ${direction}`)
    }

    it(`has every message to the ${direction}, in the order of the code, and no other`, () => {
      assert.deepEqual(headingsOf(section(), /^### `(.*)`$/gm), Object.keys(schemas))
    })

    for (const [type, schema] of Object.entries(schemas)) {
      it(`has every field of ${type} with its type and bounds, and no other`, () => {
        assertFields(type, schema, sectionOf(`### \`${type}\``))
      })
    }
  }

  it('has every kind of change with its fields', () => {
    assert.deepEqual(headingsOf(TEXT, /^#### change `(.*)`$/gm), Object.keys(CHANGES))
    assert.deepEqual(Object.values(CHANGES).map(key), (changes.Change as Schema).anyOf?.map(key))
    for (const [kind, schema] of Object.entries(CHANGES))
      assertFields(kind, schema, sectionOf(`#### change \`${kind}\``))
  })

  it('has every place of a listed entry', () => {
    const rows = tableOf(sectionOf('### `listing`').split('Its places:')[1] ?? '')
    const kinds: Schema[] = [ListedFile, ListedDirectory, ListedSymlink, ListedUnsettled]
    const longest = Math.max(...kinds.map(({ items }) => (Array.isArray(items) ? items.length : 0)))
    assert.equal(rows.length, longest)
    rows.forEach(([place = '', ...types], position) => {
      assert.ok(place.startsWith(String(position)), place)
      kinds.forEach((schema, kind) => {
        const inner = Array.isArray(schema.items) ? schema.items[position] : undefined
        const expected = inner === undefined ? [''] : typesOf(inner)
        const type = (types[kind] ?? '').replace(/ \(.*\)$/, '')
        assert.ok(expected.includes(type), `place ${position}: '${type}', its schema '${expected.join(`' or '`)}'`)
      })
    })
  })

  it('has every field type with its bounds', () => {
    const rows = tableOf(sectionOf('## 5. Field types'))
    assert.deepEqual(rows.map(([name]) => name).sort(), Object.keys(NAMED).sort())
    for (const [name = '', json, least, most] of rows) {
      const { type, minimum, maximum, minLength, maxLength } = NAMED[name] ?? {}
      assert.equal(json, type, name)
      assert.equal(Number(least), minimum ?? minLength, `${name}: least`)
      assert.equal(Number(most), maximum ?? maxLength, `${name}: most`)
    }
  })

  it('has every limit with its number', () => {
    const rows = tableOf(sectionOf('## 10. Limits')).map(([limit = '', value]) => [limit, Number(value)])
    assert.deepEqual(Object.fromEntries(rows), { ...LIMITS })
    assert.equal(rows.length, Object.keys(LIMITS).length)
  })

  it('has every close reason with its code, its sentence, and whether to dial again', () => {
    const rows = tableOf(sectionOf('## 11. How a connection ends'))
    const told = rows.map(([code, reason, again, sentence]) => ({ reason, code: Number(code), again, sentence }))
    const expected = Object.entries(CLOSE_REASONS).map(([reason, { closeCode, retryable, sentence }]) => {
      return { reason, code: closeCode, again: retryable ? 'yes' : 'no', sentence }
    })
    assert.deepEqual(told, expected)
  })

  it('has every version, and the path of the upgrade', () => {
    const told = tableOf(sectionOf('## 13. Versions'))
    assert.deepEqual(
      told,
      HISTORY.map(({ version, subprotocol, note }) => [String(version), subprotocol, note]),
    )
    assert.ok(sectionOf('## 2. The upgrade').includes(`\`${STREAM_PATH}\``))
  })

  it('has the constants of a tar entry', () => {
    const section = sectionOf('## 8. The bytes of a segment')
    const { mode, uid, gid, mtime, type } = changes.SEGMENT_TAR
    assert.deepEqual(tableOf(section), [
      ['mode', `0${mode.toString(8)}`],
      ['uid', String(uid)],
      ['gid', String(gid)],
      ['mtime', String(mtime.getTime() / 1000)],
      ['type', type],
    ])
    assert.ok(section.includes(`the one entry \`${changes.SLICE_ENTRY}\``))
  })

  it('shows examples that are messages', () => {
    const examples = headingsOf(TEXT, /^```json\n([\s\S]*?)\n```$/gm)
    assert.ok(examples.length >= 5)
    for (const example of examples) {
      const { type } = JSON.parse(example) as { type: string }
      const decode = type in messages.TO_AGENT ? decodeToAgent : decodeToReceiver
      assert.deepEqual(decode(example), JSON.parse(example))
    }
  })

  it('refers to sections that exist', () => {
    const sections = new Set(headingsOf(TEXT, /^#{2,3} (\d+(?:\.\d+)?)\.? /gm))
    const referred = headingsOf(TEXT, /(?<=\bsee |\(|\d and )(\d+\.\d+)\b/gi)
    assert.ok(referred.length > 10)
    for (const section of referred) assert.ok(sections.has(section), `section ${section}`)
    const listed = headingsOf(TEXT, /^\d+\. \[.*\]\(#(.*)\)$/gm)
    const anchors = headingsOf(TEXT, /^## (.*)$/gm).map((heading) =>
      heading.toLowerCase().replaceAll('.', '').replaceAll(' ', '-'),
    )
    assert.deepEqual(listed, anchors)
  })
})
