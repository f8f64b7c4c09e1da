/**
 * The bounds of every field of every message: the last value that is accepted on each side, and the first that is
 * refused.
 *
 * A row names a field by its place in the schema, with `*` for any element of an array. A schema field without a row
 * here is a failure, so that no field arrives without bounds.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EXAMPLES_TO_AGENT, EXAMPLES_TO_RECEIVER } from '../test-support/examples.ts'
import { decodeToAgent, decodeToReceiver } from './codec.ts'
import { ProtocolError } from './errors.ts'
import { LIMITS } from './limits.ts'
import { TO_AGENT, TO_RECEIVER } from './messages.ts'

interface Bounds {
  accepts: readonly unknown[]
  refuses: readonly unknown[]
}
type Table = Record<string, Bounds>

/**
 * Values that no field accepts, among them a string of digits and a fraction. NaN travels as null, Infinity as 1e999.
 */
const NEVER = [undefined, true, {}, [], '1', 0.5, -0.5, 1e300, 2 ** 53, -(2 ** 53)]

const whole = (minimum: number, maximum: number): Bounds => ({
  accepts: [minimum, maximum],
  refuses: [minimum - 1, maximum + 1, null, ...NEVER],
})
const text = (minimum: number, maximum: number, unit = 'x'): Bounds => ({
  accepts: [unit.repeat(minimum), unit.repeat(maximum)].filter((value) => value.length >= minimum),
  refuses: [...(minimum > 0 ? [''] : []), unit.repeat(maximum + 1), 0, null, true, {}, []],
})
const oneOf = (...accepts: unknown[]): Bounds => ({ accepts, refuses: ['', 'x', 0, true, {}, []] })
const items = (item: unknown, minimum: number, maximum: number): Bounds => ({
  accepts: [minimum, maximum].map((length) => Array(length).fill(item)),
  refuses: [Array(maximum + 1).fill(item), ...(minimum > 0 ? [[]] : []), {}, null, 'x', 0],
})
const also = (bounds: Bounds, more: Partial<Bounds>): Bounds => ({
  accepts: [...bounds.accepts, ...(more.accepts ?? [])],
  refuses: [...bounds.refuses, ...(more.refuses ?? [])].filter((value) => !more.accepts?.includes(value)),
})

const count = whole(0, LIMITS.integer)
/** Within an array, undefined travels as null. */
const countOrNull: Bounds = { accepts: [...count.accepts, null], refuses: [-1, 0.5, 2 ** 53, '1', true, {}] }
const request = whole(1, 2 ** 31 - 1)
const id = whole(0, 2 ** 32 - 1)
const mode = whole(0, 0o7777)
const mtime: Bounds = { accepts: [-3e17, 3e17, 0, -1], refuses: [-3e17 - 64, 3e17 + 64, null, '1', 0.5, 1e300] }
const digest: Bounds = {
  accepts: ['A'.repeat(43), 'a-_9'.padEnd(43, 'z')],
  refuses: ['A'.repeat(42), 'A'.repeat(44), `${'A'.repeat(42)}=`, `${'A'.repeat(42)}+`, `${'A'.repeat(42)}/`, null, 0],
}
const longest = [...Array(15).fill('d'.repeat(255)), 'e'.repeat(255)].join('/')
const path: Bounds = {
  accepts: ['.', 'a', 'a\\b', '..x', 'a\n', longest, '\u20ac'.repeat(85), '__proto__'],
  refuses: [
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    '..',
    '../a',
    'a/..',
    './a',
    'a/.',
    'a\0',
    '\ud800',
    'x'.repeat(256),
    `${longest}/`,
  ]
    .concat(`${longest.slice(0, -1)}/ee`, '\u20ac'.repeat(86))
    .concat([null, 0, true, [], {}] as unknown as string[]),
}
const target: Bounds = {
  accepts: ['.', '/', '..', '/etc/passwd', 'a//b', 'x'.repeat(LIMITS.targetBytes), '\u20ac'.repeat(1365)],
  refuses: ['', 'a\0', '\ud800', 'x'.repeat(LIMITS.targetBytes + 1), '\u20ac'.repeat(1366), null, 0],
}
/** The value at one place of a tuple, by the kind of its entry. */
const sizeOrTarget: Bounds = {
  accepts: [...count.accepts, ...target.accepts],
  refuses: target.refuses.filter((value) => value !== 0).concat(-1, 0.5, 2 ** 53),
}
const token = also(text(1, 64), { accepts: ['-_9'], refuses: ['a b', 'a/', '\u00e9', '=', null] })
const cursor = also(text(1, LIMITS.pathBytes), { accepts: [null] })
const owners: Bounds = items([0, 'root'], 0, 1_000)
const ownerName = also(text(1, 64), { refuses: ['a b', 'a:b', 'a\n', 'a\0'] })
const name: Bounds = {
  accepts: ['a', 'x'.repeat(255), '\u00e9'.repeat(127), '..x', 'a\\b'],
  refuses: ['', 'x'.repeat(256), '\u00e9'.repeat(128), 'a/b', '/', '..', 'a\0', '\ud800', null, 0],
}
/** Attributes that are preserved, whose fields may be absent. */
const extendedFields = (place: string): Table => {
  const optional = { accepts: [{}], refuses: ['', 0, null, true, []] }
  const aclOf = (field: string): Table => ({
    [`${place}.${field}`]: without(items(['u', null, 7], 3, LIMITS.aclEntries), undefined),
    [`${place}.${field}.*.0`]: oneOf('u', 'g', 'm', 'o'),
    [`${place}.${field}.*.1`]: { accepts: [...id.accepts, null], refuses: [-1, 2 ** 32, 0.5, '1', true, {}] },
    [`${place}.${field}.*.2`]: whole(0, 7),
  })
  return {
    [place]: optional,
    ...aclOf('acl'),
    ...aclOf('defaultAcl'),
    [`${place}.xattrs`]: items(['user.x', ''], 1, LIMITS.attributes),
    [`${place}.xattrs.*.0`]: {
      accepts: ['user.x', `user.${'x'.repeat(250)}`, 'security.selinux', 'security.capability'],
      refuses: [
        'user.',
        'x',
        'trusted.x',
        'security.x',
        'system.posix_acl_access',
        `user.${'x'.repeat(251)}`,
        'user.\0',
        '',
        0,
      ],
    },
    [`${place}.xattrs.*.1`]: {
      accepts: ['', 'AA==', 'AAA=', 'A+/9', 'A'.repeat(LIMITS.attributeText)],
      refuses: ['A', 'AA', 'AA=', 'A-_9', '====', 'A'.repeat(LIMITS.attributeText + 4), 0, null],
    },
  }
}
const without = ({ accepts, refuses }: Bounds, value: unknown): Bounds => ({
  accepts,
  refuses: refuses.filter((other) => other !== value),
})
const ownerFields = { users: owners, 'users.*.0': id, 'users.*.1': ownerName, groups: owners, 'groups.*.0': id }

const SEGMENT_LINE = { path: 'a', kind: 'absent' }
const LISTED = ['a', 'd', 0, 0, 0, 0]
const PARTIAL = { path: 'a', content: 0, bytes: 0 }

const BOUNDS_TO_AGENT: Record<keyof typeof TO_AGENT, Table> = {
  hello: {
    software: text(1, 32),
    root: also(text(1, 63), { accepts: ['9.-_'], refuses: ['.a', '-a', 'a/b', 'a b', '..'] }),
    epoch: also(token, { accepts: [null] }),
    term: also(token, { accepts: [null] }),
    sequence: count,
    durable: count,
    target: oneOf('empty', 'populated'),
    partials: items(PARTIAL, 0, LIMITS.partials),
    'partials.*.path': path,
    'partials.*.content': count,
    'partials.*.bytes': count,
    encodings: items('tar', 0, 2),
    'encodings.*': oneOf('tar', 'zstd'),
    credit: whole(1, LIMITS.creditBytes),
    prepared: oneOf(null),
    'prepared.sequence': count,
    'prepared.term': token,
  },
  credit: { bytes: whole(1, LIMITS.creditBytes) },
  committed: { sequence: count, burstMicros: count },
  staged: { sequence: count },
  left: { sequence: count },
  durable: { sequence: count },
  list: { request, within: path, after: cursor, digests: oneOfBooleans() },
  summarize: { request, after: cursor, owners: oneOfBooleans() },
  expand: { request, within: items('a', 1, LIMITS.expandPaths), 'within.*': path, after: cursor },
  want: {
    request,
    paths: items(['a', null], 1, LIMITS.wantPaths),
    'paths.*.0': path,
    'paths.*.1': also(digest, { accepts: [null] }),
  },
  repaired: { request },
  overtaken: { sequence: count },
  resynced: { sequence: count },
  failing: { error: oneOf(null), 'error.code': text(0, 32), 'error.message': text(0, 1_000) },
  owed: {
    count,
    paths: items({ path: 'a', code: 'EPERM' }, 0, LIMITS.reportedOwed),
    'paths.*.path': path,
    'paths.*.code': text(0, 32),
  },
  ready: { ready: oneOfBooleans() },
  trash: { batches: count, bytes: count, oldest: also(whole(0, 8.64e15), { accepts: [null] }) },
  'resync-progress': {
    id: request,
    state: oneOf('running', 'done', 'failed', 'cancelled'),
    checked: count,
    missing: count,
    changed: count,
    extraneous: count,
    repaired: count,
    bytes: count,
    differences: items({ path: 'a', kind: 'missing' }, 0, LIMITS.reportedDifferences),
    'differences.*.path': path,
    'differences.*.kind': oneOf('missing', 'changed', 'extraneous'),
    error: also(text(0, 1_000), { accepts: [null] }),
  },
}

const BOUNDS_TO_RECEIVER: Record<keyof typeof TO_RECEIVER, Table> = {
  welcome: {
    software: text(1, 32),
    epoch: token,
    term: token,
    head: count,
    start: oneOf('replay', 'resync'),
    sequence: count,
    reason: text(0, 200),
    'total.entries': count,
    'total.bytes': count,
    filter: items('*.log', 0, LIMITS.filterPatterns),
    'filter.*': text(0, 1_000),
    othersCurrent: oneOfBooleans(),
    prepared: also(count, { accepts: [null] }),
    released: count,
    clash: also(text(0, 400), { accepts: [null] }),
    preserve: { accepts: [], refuses: [{}, null, true, 'acls', []] },
    'preserve.acls': oneOfBooleans(),
    'preserve.xattrs': items('user', 0, 3),
    'preserve.xattrs.*': oneOf('user', 'selinux', 'capability'),
    'preserve.hardLinks': oneOfBooleans(),
  },
  changeset: {
    base: count,
    from: count,
    to: count,
    head: count,
    request: also(request, { accepts: [null] }),
    changes: whole(0, LIMITS.changesetChanges),
    bytes: count,
  },
  segment: {
    index: count,
    encoding: oneOf('tar', 'zstd'),
    bytes: whole(0, LIMITS.segmentBytes),
    tarBytes: whole(0, LIMITS.segmentBytes),
    changes: items(SEGMENT_LINE, 0, LIMITS.segmentChanges),
    'changes.*.path': path,
    'changes.*.kind': { accepts: ['absent'], refuses: ['device', '', null, 0] },
    'changes.*.mode': mode,
    'changes.*.uid': id,
    'changes.*.gid': id,
    'changes.*.mtime': mtime,
    'changes.*.target': target,
    'changes.*.size': count,
    'changes.*.digest': digest,
    'changes.*.source': oneOf('tar', 'slices', 'keep'),
    'changes.*.source.copy': path,
    ...extendedFields('changes.*.extended'),
    'changes.*.to': path,
    'changes.*.link': path,
    slice: oneOf(null),
    'slice.path': path,
    'slice.content': count,
    'slice.offset': count,
    'slice.length': count,
    'slice.size': count,
    'slice.delta': oneOf(null),
    'slice.delta.base': count,
    'slice.delta.steps': items([null, 0], 1, LIMITS.sliceSteps),
    'slice.delta.steps.*.0': countOrNull,
    'slice.delta.steps.*.1': count,
    to: countOrNull,
    ...ownerFields,
    'groups.*.1': ownerName,
  },
  overtake: {
    to: count,
    encoding: oneOf('tar', 'zstd'),
    bytes: whole(0, LIMITS.segmentBytes),
    tarBytes: whole(0, LIMITS.segmentBytes),
    changes: items(SEGMENT_LINE, 1, LIMITS.segmentChanges),
    'changes.*.path': path,
    'changes.*.kind': { accepts: ['absent'], refuses: ['device', '', null, 0] },
    'changes.*.mode': mode,
    'changes.*.uid': id,
    'changes.*.gid': id,
    'changes.*.mtime': mtime,
    'changes.*.size': count,
    'changes.*.digest': digest,
    'changes.*.source': oneOf('tar', 'keep'),
    ...extendedFields('changes.*.extended'),
    ...ownerFields,
    'groups.*.1': ownerName,
  },
  commit: { to: count },
  prepare: { to: count, doubtMs: whole(1, LIMITS.doubtMs) },
  leave: { to: count },
  listing: {
    request,
    sequence: count,
    directories: items({ path: 'a', entries: [], complete: true }, 0, LIMITS.listingEntries),
    'directories.*.path': also(path, { accepts: [''] }),
    'directories.*.entries': items(LISTED, 0, LIMITS.listingEntries),
    'directories.*.entries.*.0': name,
    'directories.*.entries.*.1': { accepts: ['f', 'd', 'l', 'u'], refuses: ['x', 'file', '', null, 0] },
    'directories.*.entries.*.2': mode,
    'directories.*.entries.*.3': id,
    'directories.*.entries.*.4': id,
    'directories.*.entries.*.5': mtime,
    'directories.*.entries.*.6': sizeOrTarget,
    'directories.*.entries.*.7': also(digest, { accepts: [null] }),
    'directories.*.complete': oneOfBooleans(),
    'directories.*.extended': items(['a', {}], 0, LIMITS.listingEntries),
    'directories.*.extended.*.0': name,
    ...extendedFields('directories.*.extended.*.1'),
    'directories.*.links': items(['a', 'b'], 0, LIMITS.listingEntries),
    'directories.*.links.*.0': name,
    'directories.*.links.*.1': path,
    ...ownerFields,
    'groups.*.1': ownerName,
    next: cursor,
  },
  summary: {
    request,
    sequence: count,
    directories: items([0, 'a', 1, null], 0, LIMITS.summaryDirectories),
    'directories.*.0': whole(0, LIMITS.pathBytes >> 1),
    'directories.*.1': path,
    'directories.*.2': count,
    'directories.*.3': {
      accepts: ['A'.repeat(22), 'a-_9'.padEnd(22, 'z'), null],
      refuses: ['A'.repeat(21), 'A'.repeat(23), `${'A'.repeat(21)}=`, `${'A'.repeat(21)}/`, 0],
    },
    users: items([1, 'a'], 0, 1_000),
    'users.*.0': id,
    'users.*.1': ownerName,
    groups: items([1, 'a'], 0, 1_000),
    'groups.*.0': id,
    'groups.*.1': ownerName,
    next: cursor,
  },
  resync: {
    id: request,
    within: items('a', 1, LIMITS.resyncPaths),
    'within.*': path,
    check: oneOf('metadata', 'content'),
    dryRun: oneOfBooleans(),
    summaries: { accepts: [true, undefined], refuses: [false, null, 0, 1, 'true'] },
  },
  'cancel-resync': { id: request },
}

function oneOfBooleans(): Bounds {
  return { accepts: [true, false], refuses: [0, 1, 'true', null, {}] }
}

type Place = readonly string[]

/** Every place at which a message has this field. */
function placesOf(value: unknown, field: Place): Place[] {
  const [step, ...rest] = field
  if (step === undefined) return [[]]
  if (typeof value !== 'object' || value === null) return []
  const steps = step === '*' ? Object.keys(value) : Object.hasOwn(value, step) ? [step] : []
  return steps.flatMap((key) => placesOf((value as Record<string, unknown>)[key], rest).map((place) => [key, ...place]))
}

function replaced(value: unknown, place: Place, by: unknown): unknown {
  const [step, ...rest] = place
  if (step === undefined) return by
  const inner = (value as Record<string, unknown>)[step]
  if (Array.isArray(value)) return value.with(Number(step), replaced(inner, rest, by))
  return { ...(value as object), [step]: replaced(inner, rest, by) }
}

/** Fields of a schema, as the tables name them, without the constants that name a message or a variant. */
function fieldsOf(schema: object, field: string): Set<string> {
  const found = new Set<string>()
  const descend = (inner: unknown, name: string) => {
    if (typeof inner !== 'object' || inner === null) return
    found.add(name)
    for (const deeper of fieldsOf(inner, name)) found.add(deeper)
  }
  const under = (step: string) => (field === '' ? step : `${field}.${step}`)
  if ('properties' in schema && typeof schema.properties === 'object') {
    for (const [key, inner] of Object.entries(schema.properties ?? {})) descend(inner, under(key))
  }
  if ('items' in schema && Array.isArray(schema.items)) {
    for (const [position, inner] of schema.items.entries()) descend(inner, under(String(position)))
  } else if ('items' in schema) descend(schema.items, under('*'))
  if ('anyOf' in schema && Array.isArray(schema.anyOf)) {
    for (const branch of schema.anyOf) for (const deeper of fieldsOf(branch, field)) found.add(deeper)
  }
  return found
}

function accepts(decode: (frame: string) => unknown, message: unknown): boolean {
  try {
    decode(JSON.stringify(message))
    return true
  } catch (error) {
    assert.ok(error instanceof ProtocolError)
    assert.equal(error.code, 'malformed-message')
    return false
  }
}

const brief = (value: unknown) => (JSON.stringify(value) ?? 'nothing').slice(0, 80)

const DIRECTIONS = [
  { schemas: TO_AGENT, bounds: BOUNDS_TO_AGENT, examples: EXAMPLES_TO_AGENT, decode: decodeToAgent },
  { schemas: TO_RECEIVER, bounds: BOUNDS_TO_RECEIVER, examples: EXAMPLES_TO_RECEIVER, decode: decodeToReceiver },
]

describe('the bounds of a field', () => {
  for (const { schemas, bounds, examples, decode } of DIRECTIONS) {
    const tables = new Map(Object.entries(bounds))
    const messages = new Map<string, readonly object[]>(Object.entries(examples))
    for (const [type, schema] of Object.entries(schemas)) {
      const table = tables.get(type) ?? {}

      it(`are stated here for every field of ${type}`, () => {
        const fields = [...fieldsOf(schema, '')].filter((field) => field !== 'type')
        const structure = new Set([
          'total',
          'directories.*',
          'directories.*.entries.*',
          'partials.*',
          'paths.*',
          'differences.*',
          'changes.*',
          'slice.delta.steps.*',
          'changes.*.extended.acl.*',
          'changes.*.extended.defaultAcl.*',
          'changes.*.extended.xattrs.*',
          'directories.*.extended.*',
          'directories.*.links.*',
          'directories.*.extended.*.1.acl.*',
          'directories.*.extended.*.1.defaultAcl.*',
          'directories.*.extended.*.1.xattrs.*',
          'users.*',
          'groups.*',
        ])
        const leaves = fields.filter((field) => !structure.has(field))
        assert.deepEqual(Object.keys(table).sort(), leaves.sort())
      })

      for (const [field, row] of Object.entries(table)) {
        it(`hold for ${type} ${field}`, () => {
          const places = (messages.get(type) ?? []).flatMap((message) =>
            placesOf(message, field.split('.')).map((place) => ({ message, place })),
          )
          assert.notEqual(places.length, 0, 'no example has this field')
          const variants = (value: unknown) => places.map(({ message, place }) => replaced(message, place, value))
          const taken = (value: unknown) => variants(value).some((variant) => accepts(decode, variant))
          for (const value of row.accepts) assert.ok(taken(value), `refused ${brief(value)}`)
          for (const value of row.refuses) assert.ok(!taken(value), `accepted ${brief(value)}`)
        })
      }
    }
  }

  it('hold for a number that no double holds', () => {
    for (const number of ['1e999', '-1e999', '9007199254740993', '-1', '1.5', 'NaN', 'Infinity', '0x10', '01']) {
      assert.throws(() => decodeToAgent(`{"type":"committed","sequence":${number}}`), ProtocolError, number)
    }
  })
})
