/**
 * Test support: an arbitrary of every message, built from the meaning of the schemas and not from the schemas.
 *
 * Every generated value is valid; the extremes of each bound come up often. Knows nothing of the exchange: each message
 * is legal by itself, but they do not form a conversation.
 */
import fc from 'fast-check'
import type { AheadChange, Change, FileChange, Slice } from '../src/changeset.ts'
import type { OwnerNames } from '../src/entry.ts'
import { LIMITS } from '../src/limits.ts'
import type { ListedChildren, ListedEntry } from '../src/manifest.ts'
import type { ToAgent, ToReceiver } from '../src/messages.ts'
import { isEntryPath } from '../src/path.ts'
import type { Acl, Extended } from '../src/preserved.ts'

const MAX_REQUEST = 2 ** 31 - 1
const MAX_ID = 2 ** 32 - 1
const MAX_MTIME_US = 3e17
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
/** Names that look like something else to a shell, a terminal, a URL or a sloppy path check. */
const AWKWARD_NAMES = ['..x', '...', '-rf', '$(id)', ' a ', 'a\nb', '\u001b[31m', 'a\\b', '%2e%2e', '*?[]', '"', "'"]
const AWKWARD_UNICODE = ['\u00e9', 'e\u0301', '\ufffd', '\u{1f6a2}', '__proto__', 'constructor', 'x'.repeat(255)]

/** One component of an entry path. */
export const names: fc.Arbitrary<string> = fc
  .oneof(
    { weight: 3, arbitrary: fc.string({ minLength: 1, maxLength: 12 }) },
    { weight: 2, arbitrary: fc.string({ minLength: 1, maxLength: 12, unit: 'binary' }) },
    { weight: 2, arbitrary: fc.constantFrom(...AWKWARD_NAMES, ...AWKWARD_UNICODE) },
  )
  .filter((name) => !name.includes('/') && name !== '.' && isEntryPath(name))

/** Entry paths below the root. */
export const pathsBelowRoot: fc.Arbitrary<string> = fc
  .array(names, { minLength: 1, maxLength: 6 })
  .map((components) => components.join('/'))

export const entryPaths: fc.Arbitrary<string> = fc.oneof(
  { weight: 9, arbitrary: pathsBelowRoot },
  { weight: 1, arbitrary: fc.constant('.') },
)

export const counts = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 1, 2 ** 31, 2 ** 32, LIMITS.integer))
export const mtimes = fc.oneof(
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).map((seconds) => seconds * 1_000_000 + 123_456),
  fc.constantFrom(0, 1, -1, MAX_MTIME_US, -MAX_MTIME_US),
)
export const digests = fc.string({ minLength: 43, maxLength: 43, unit: fc.constantFrom(...BASE64URL) })

/** Plain objects, as JSON gives them. */
function record<Shape>(model: { [Field in keyof Shape]: fc.Arbitrary<Shape[Field]> }): fc.Arbitrary<Shape> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<Shape>
}

const ids = fc.oneof(fc.integer({ min: 0, max: MAX_ID }), fc.constantFrom(0, 33, MAX_ID))
const modes = fc.oneof(fc.integer({ min: 0, max: 0o7777 }), fc.constantFrom(0o644, 0o755, 0, 0o7777))
const attributes = { mode: modes, uid: ids, gid: ids, mtime: mtimes }
const targets = fc.oneof(pathsBelowRoot, fc.constantFrom('/', '..', '../../etc/passwd', 'x'.repeat(LIMITS.targetBytes)))
const requests = fc.oneof(fc.integer({ min: 1, max: MAX_REQUEST }), fc.constantFrom(1, MAX_REQUEST))
const tokens = fc.string({ minLength: 1, maxLength: 64, unit: fc.constantFrom(...BASE64URL) })
const roots = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/)
const software = fc.string({ minLength: 1, maxLength: 32 })
const encodings = fc.constantFrom('tar' as const, 'zstd' as const)
const credits = fc.oneof(fc.integer({ min: 1, max: LIMITS.creditBytes }), fc.constantFrom(1, LIMITS.creditBytes))
const segmentSizes = fc.integer({ min: 0, max: LIMITS.segmentBytes })
const cursors = fc.option(fc.string({ minLength: 1, maxLength: 40 }))
const accountNames = fc.constantFrom('root', 'www-data', '_apt', 'DOMAIN\\user', 'n'.repeat(64))
const ownerNames: fc.Arbitrary<OwnerNames> = fc.array(fc.tuple(ids, accountNames), { maxLength: 4 })

const sources: fc.Arbitrary<FileChange['source']> = fc.oneof(
  fc.constantFrom('tar' as const, 'slices' as const, 'keep' as const),
  record({ copy: entryPaths }),
)
const acls: fc.Arbitrary<Acl> = fc.array(
  fc.tuple(fc.constantFrom('u', 'g', 'm', 'o'), fc.option(ids), fc.integer({ min: 0, max: 7 })),
  { minLength: 3, maxLength: 6 },
)
const xattrs = fc.array(
  fc.tuple(
    fc.oneof(
      names.map((name) => `user.${name}`.slice(0, 255)),
      fc.constantFrom('security.selinux', 'security.capability'),
    ),
    fc.base64String({ maxLength: 40 }),
  ),
  { minLength: 1, maxLength: 3 },
)
/** With each of its fields, or without. */
const extended: fc.Arbitrary<Extended> = fc.record(
  { acl: acls, defaultAcl: acls, xattrs },
  { requiredKeys: [], noNullPrototype: true },
)
/** What the root preserves of an entry, or nothing. */
const withExtended = <Entry extends object>(entry: fc.Arbitrary<Entry>) =>
  fc.oneof(
    { weight: 3, arbitrary: entry },
    { weight: 1, arbitrary: fc.tuple(entry, extended).map(([own, more]) => ({ ...own, extended: more })) },
  )

export const changes: fc.Arbitrary<Change> = fc.oneof(
  record({ path: entryPaths, kind: fc.constant('absent' as const) }),
  withExtended(record({ path: entryPaths, kind: fc.constant('directory' as const), ...attributes })),
  withExtended(record({ path: entryPaths, kind: fc.constant('symlink' as const), ...attributes, target: targets })),
  withExtended(
    record({
      path: entryPaths,
      kind: fc.constant('file' as const),
      ...attributes,
      size: counts,
      digest: digests,
      source: sources,
    }),
  ),
)
const aheadChanges: fc.Arbitrary<AheadChange> = fc.oneof(
  record({ path: entryPaths, kind: fc.constant('absent' as const) }),
  record({ path: entryPaths, kind: fc.constant('directory' as const), ...attributes }),
  record({
    path: entryPaths,
    kind: fc.constant('file' as const),
    ...attributes,
    size: counts,
    digest: digests,
    source: fc.constantFrom('tar' as const, 'keep' as const),
  }),
)
const slices: fc.Arbitrary<Slice> = record({
  path: pathsBelowRoot,
  content: counts,
  offset: counts,
  length: counts,
  size: counts,
  delta: fc.option(
    record({ base: counts, steps: fc.array(fc.tuple(fc.option(counts), counts), { minLength: 1, maxLength: 5 }) }),
  ),
})

const listedAttributes = [modes, ids, ids, mtimes] as const
const listedEntries: fc.Arbitrary<ListedEntry> = fc.oneof(
  fc.tuple(names, fc.constant('f' as const), ...listedAttributes, counts, fc.option(digests)),
  fc.tuple(names, fc.constant('d' as const), ...listedAttributes),
  fc.tuple(names, fc.constant('l' as const), ...listedAttributes, targets),
  fc.tuple(names, fc.constant('u' as const)),
)
const listedRoot: fc.Arbitrary<ListedChildren> = record({
  path: fc.constant(''),
  entries: fc.tuple(fc.tuple(fc.constant('.'), fc.constant('d' as const), ...listedAttributes)),
  complete: fc.constant(true),
})
const listedPlain: fc.Arbitrary<ListedChildren> = record({
  path: entryPaths,
  entries: fc.array(listedEntries, { maxLength: 6 }),
  complete: fc.boolean(),
})
const listedChildren: fc.Arbitrary<ListedChildren> = fc.oneof(
  listedPlain,
  fc
    .tuple(listedPlain, fc.array(fc.tuple(names, extended), { maxLength: 3 }))
    .map(([plain, pairs]) => ({ ...plain, extended: pairs })),
)

type ArbitraryOf<Message extends { type: string }> = {
  [Type in Message['type']]: fc.Arbitrary<Extract<Message, { type: Type }>>
}

/** The messages that a receiver may send, by type. */
export const MESSAGES_TO_AGENT: ArbitraryOf<ToAgent> = {
  hello: record({
    type: fc.constant('hello' as const),
    software,
    root: roots,
    epoch: fc.option(tokens),
    term: fc.option(tokens),
    sequence: counts,
    durable: counts,
    target: fc.constantFrom('empty' as const, 'populated' as const),
    partials: fc.array(record({ path: entryPaths, content: counts, bytes: counts }), { maxLength: LIMITS.partials }),
    encodings: fc.array(encodings, { maxLength: 2 }),
    credit: credits,
    prepared: fc.option(record({ sequence: counts, term: tokens })),
  }),
  credit: record({ type: fc.constant('credit' as const), bytes: credits }),
  committed: record({ type: fc.constant('committed' as const), sequence: counts, burstMicros: counts }),
  staged: record({ type: fc.constant('staged' as const), sequence: counts }),
  left: record({ type: fc.constant('left' as const), sequence: counts }),
  overtaken: record({ type: fc.constant('overtaken' as const), sequence: counts }),
  durable: record({ type: fc.constant('durable' as const), sequence: counts }),
  list: record({
    type: fc.constant('list' as const),
    request: requests,
    within: entryPaths,
    after: cursors,
    digests: fc.boolean(),
  }),
  summarize: record({
    type: fc.constant('summarize' as const),
    request: requests,
    after: cursors,
    owners: fc.boolean(),
  }),
  expand: record({
    type: fc.constant('expand' as const),
    request: requests,
    within: fc.array(entryPaths, { minLength: 1, maxLength: 8 }),
    after: cursors,
  }),
  want: record({
    type: fc.constant('want' as const),
    request: requests,
    paths: fc.array(fc.tuple(entryPaths, fc.option(digests)), { minLength: 1, maxLength: 8 }),
  }),
  repaired: record({ type: fc.constant('repaired' as const), request: requests }),
  resynced: record({ type: fc.constant('resynced' as const), sequence: counts }),
  failing: record({
    type: fc.constant('failing' as const),
    error: fc.option(record({ code: fc.string({ maxLength: 32 }), message: fc.string({ maxLength: 80 }) })),
  }),
  owed: record({
    type: fc.constant('owed' as const),
    count: counts,
    paths: fc.array(record({ path: entryPaths, code: fc.string({ maxLength: 32 }) }), { maxLength: 5 }),
  }),
  ready: record({ type: fc.constant('ready' as const), ready: fc.boolean() }),
  trash: record({ type: fc.constant('trash' as const), batches: counts, bytes: counts, oldest: fc.option(fc.nat()) }),
  'resync-progress': record({
    type: fc.constant('resync-progress' as const),
    id: requests,
    state: fc.constantFrom('running' as const, 'done' as const, 'failed' as const, 'cancelled' as const),
    checked: counts,
    missing: counts,
    changed: counts,
    extraneous: counts,
    repaired: counts,
    bytes: counts,
    differences: fc.array(record({ path: entryPaths, kind: fc.constantFrom('missing', 'changed', 'extraneous') }), {
      maxLength: 5,
    }),
    error: fc.option(fc.string({ maxLength: 80 })),
  }),
}

/** The messages that an agent may send, by type. */
export const MESSAGES_TO_RECEIVER: ArbitraryOf<ToReceiver> = {
  welcome: record({
    type: fc.constant('welcome' as const),
    software,
    epoch: tokens,
    term: tokens,
    head: counts,
    start: fc.constantFrom('replay' as const, 'resync' as const),
    sequence: counts,
    reason: fc.string({ maxLength: 80 }),
    total: record({ entries: counts, bytes: counts }),
    filter: fc.array(fc.string({ maxLength: 40 }), { maxLength: 5 }),
    othersCurrent: fc.boolean(),
    prepared: fc.option(counts),
    released: counts,
    clash: fc.option(fc.string({ maxLength: 80 })),
  }),
  changeset: record({
    type: fc.constant('changeset' as const),
    base: counts,
    from: counts,
    to: counts,
    head: counts,
    request: fc.option(requests),
    changes: fc.integer({ min: 0, max: LIMITS.changesetChanges }),
    bytes: counts,
  }),
  segment: record({
    type: fc.constant('segment' as const),
    index: counts,
    encoding: encodings,
    bytes: segmentSizes,
    tarBytes: segmentSizes,
    changes: fc.array(changes, { maxLength: 6 }),
    slice: fc.option(slices),
    to: fc.option(counts),
    users: ownerNames,
    groups: ownerNames,
  }),
  overtake: record({
    type: fc.constant('overtake' as const),
    to: counts,
    encoding: encodings,
    bytes: segmentSizes,
    tarBytes: segmentSizes,
    changes: fc.array(aheadChanges, { minLength: 1, maxLength: 6 }),
    users: ownerNames,
    groups: ownerNames,
  }),
  commit: record({ type: fc.constant('commit' as const), to: counts }),
  prepare: record({
    type: fc.constant('prepare' as const),
    to: counts,
    doubtMs: fc.integer({ min: 1, max: LIMITS.doubtMs }),
  }),
  leave: record({ type: fc.constant('leave' as const), to: counts }),
  listing: record({
    type: fc.constant('listing' as const),
    request: requests,
    sequence: counts,
    directories: fc.array(fc.oneof(listedRoot, listedChildren), { maxLength: 4 }),
    users: ownerNames,
    groups: ownerNames,
    next: cursors,
  }),
  summary: record({
    type: fc.constant('summary' as const),
    request: requests,
    sequence: counts,
    directories: fc.array(
      fc.tuple(
        fc.integer({ min: 0, max: 20 }),
        entryPaths,
        counts,
        fc.option(digests.map((text) => text.slice(0, 22))),
      ),
      { maxLength: 8 },
    ),
    users: ownerNames,
    groups: ownerNames,
    next: cursors,
  }),
  resync: record({
    type: fc.constant('resync' as const),
    id: requests,
    within: fc.array(entryPaths, { minLength: 1, maxLength: 5 }),
    check: fc.constantFrom('metadata' as const, 'content' as const),
    dryRun: fc.boolean(),
  }),
  'cancel-resync': record({ type: fc.constant('cancel-resync' as const), id: requests }),
}

export const messagesToAgent: fc.Arbitrary<ToAgent> = fc.oneof(...Object.values(MESSAGES_TO_AGENT))
export const messagesToReceiver: fc.Arbitrary<ToReceiver> = fc.oneof(...Object.values(MESSAGES_TO_RECEIVER))
