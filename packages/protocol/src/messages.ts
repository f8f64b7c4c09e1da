/**
 * Every message of the protocol, by its sender. One connection serves one root.
 *
 *   receiver                             agent
 *   hello ─────────────────────────────▶
 *         ◀───────────────────────────── welcome (start: replay | resync)
 *   [resync: list ▶ ◀ listing, want ▶ ◀ changeset with request; then resynced ▶]
 *         ◀───────────────────────────── changeset, segment…, commit   (as far as credit allows)
 *   credit, committed, durable ────────▶
 *         ◀───────────────────────────── [before a segment: overtake]
 *   [overtaken ───────────────────────▶]
 *         ◀───────────────────────────── [round: changeset, segment…, prepare; again or leave; then commit]
 *   [staged, left ─────────────────────▶]
 *         ◀───────────────────────────── resync, cancel-resync
 *   [list ▶ ◀ listing, summarize ▶ ◀ summary, expand ▶ ◀ listing, want ▶ ◀ changeset with request]
 *   resync-progress, owed, ready, trash▶
 *
 * Text frames hold one message each as JSON; binary frames hold the bytes announced by the last `segment` or `overtake`.
 */
import Type, { type Static } from 'typebox'
import { AheadChange, Change, Slice } from './changeset.ts'
import { Count, Digest, EntryPath, OwnerNames, Sequence } from './entry.ts'
import { LIMITS } from './limits.ts'
import { ListedChildren } from './manifest.ts'
import { Preserved } from './preserved.ts'
import { DirectorySummary } from './summary.ts'

const closed = { additionalProperties: false } as const
const Token = Type.String({ minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9_-]+$' })
const Software = Type.String({ minLength: 1, maxLength: 32 })
export const RootName = Type.String({ minLength: 1, maxLength: 63, pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$' })
const RequestId = Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 })
/** Milliseconds since 1970, as far as a Date goes. */
const Instant = Type.Integer({ minimum: 0, maximum: 8_640_000_000_000_000 })
const Cursor = Type.Union([Type.String({ minLength: 1, maxLength: LIMITS.pathBytes }), Type.Null()])

/** A file of which the receiver already holds the first `bytes`, not verified yet. */
export const Partial = Type.Object({ path: EntryPath, content: Sequence, bytes: Count }, closed)
export type Partial = Static<typeof Partial>

/** First message of a connection: which index the receiver last followed, and how far it got. */
export const Hello = Type.Object(
  {
    type: Type.Literal('hello'),
    software: Software,
    root: RootName,
    epoch: Type.Union([Token, Type.Null()]),
    term: Type.Union([Token, Type.Null()]),
    sequence: Sequence,
    durable: Sequence,
    target: Type.Union([Type.Literal('empty'), Type.Literal('populated')]),
    partials: Type.Array(Partial, { maxItems: LIMITS.partials }),
    encodings: Type.Array(Type.Union([Type.Literal('tar'), Type.Literal('zstd')]), { maxItems: 2 }),
    credit: Type.Integer({ minimum: 1, maximum: LIMITS.creditBytes }),
    /** Everything up to `sequence` is staged and not visible, and came in `term`. */
    prepared: Type.Union([Type.Object({ sequence: Sequence, term: Token }, closed), Type.Null()]),
  },
  closed,
)
/** The receiver consumed this many segment bytes; the agent may send as many more. */
export const Credit = Type.Object(
  { type: Type.Literal('credit'), bytes: Type.Integer({ minimum: 1, maximum: LIMITS.creditBytes }) },
  closed,
)
/** Everything up to `sequence` is visible, and became so within `burstMicros` microseconds. */
export const Committed = Type.Object(
  { type: Type.Literal('committed'), sequence: Sequence, burstMicros: Count },
  closed,
)
/** Answer to a prepare: everything up to `sequence` is staged, and nothing of it is visible. Binds to nothing. */
export const Staged = Type.Object({ type: Type.Literal('staged'), sequence: Sequence }, closed)
/** Answer to a leave: the receiver's own probes say that no visitors may come before `sequence` is visible. */
export const Left = Type.Object({ type: Type.Literal('left'), sequence: Sequence }, closed)
/** Answer to an overtake: what it brought is visible. The receiver's position is where it was. */
export const Overtaken = Type.Object({ type: Type.Literal('overtaken'), sequence: Sequence }, closed)
/** Everything up to `sequence` survives a loss of power. */
export const Durable = Type.Object({ type: Type.Literal('durable'), sequence: Sequence }, closed)
/** Asks for the next part of the listing of `within` and everything below it, after `after` (null: from the start). */
export const List = Type.Object(
  { type: Type.Literal('list'), request: RequestId, within: EntryPath, after: Cursor, digests: Type.Boolean() },
  closed,
)
/** Asks for the next part of the summary of the whole tree. `owners`: digests tell of owners as well. */
export const Summarize = Type.Object(
  { type: Type.Literal('summarize'), request: RequestId, after: Cursor, owners: Type.Boolean() },
  closed,
)
/** Asks for the next part of the listing of some directories, without what is in directories below them. */
export const Expand = Type.Object(
  {
    type: Type.Literal('expand'),
    request: RequestId,
    within: Type.Array(EntryPath, { minItems: 1, maxItems: LIMITS.expandPaths }),
    after: Cursor,
  },
  closed,
)
/** Asks for the present state of paths, with the content of those that do not already hold the named digest. */
export const Want = Type.Object(
  {
    type: Type.Literal('want'),
    request: RequestId,
    paths: Type.Array(Type.Tuple([EntryPath, Type.Union([Digest, Type.Null()])]), {
      minItems: 1,
      maxItems: LIMITS.wantPaths,
    }),
  },
  closed,
)
/** The changeset that answered a want is visible. */
export const Repaired = Type.Object({ type: Type.Literal('repaired'), request: RequestId }, closed)
/** The resync is over: the receiver stands at the sequence that welcome named. */
export const Resynced = Type.Object({ type: Type.Literal('resynced'), sequence: Sequence }, closed)
/** The receiver cannot commit (full disk, read-only…) and tries again by itself; null: it works again. */
export const Failing = Type.Object(
  {
    type: Type.Literal('failing'),
    error: Type.Union([
      Type.Object({ code: Type.String({ maxLength: 32 }), message: Type.String({ maxLength: 1_000 }) }, closed),
      Type.Null(),
    ]),
  },
  closed,
)
/** Paths that the receiver cannot make right for now: how many, and the first ones with the reason. */
export const Owed = Type.Object(
  {
    type: Type.Literal('owed'),
    count: Count,
    paths: Type.Array(Type.Object({ path: EntryPath, code: Type.String({ maxLength: 32 }) }, closed), {
      maxItems: LIMITS.reportedOwed,
    }),
  },
  closed,
)
/** Whether the receiver's own probes say that visitors may come. */
export const Ready = Type.Object({ type: Type.Literal('ready'), ready: Type.Boolean() }, closed)
/** What the receiver keeps of what it has replaced or removed, for people. `oldest`: of the oldest batch; null: empty. */
export const TrashReport = Type.Object(
  { type: Type.Literal('trash'), batches: Count, bytes: Count, oldest: Type.Union([Instant, Type.Null()]) },
  closed,
)
/**
 * Progress of a resync that the agent asked for. `differences` are those found since the last report, and only the
 * first ones of the whole resync. Any state but `running` ends it.
 */
export const ResyncProgress = Type.Object(
  {
    type: Type.Literal('resync-progress'),
    id: RequestId,
    state: Type.Union([
      Type.Literal('running'),
      Type.Literal('done'),
      Type.Literal('failed'),
      Type.Literal('cancelled'),
    ]),
    checked: Count,
    missing: Count,
    changed: Count,
    extraneous: Count,
    repaired: Count,
    bytes: Count,
    differences: Type.Array(
      Type.Object(
        {
          path: EntryPath,
          kind: Type.Union([Type.Literal('missing'), Type.Literal('changed'), Type.Literal('extraneous')]),
        },
        closed,
      ),
      { maxItems: LIMITS.reportedDifferences },
    ),
    error: Type.Union([Type.String({ maxLength: 1_000 }), Type.Null()]),
  },
  closed,
)

/**
 * Answer to hello. `sequence`: where the replay starts, or where the resync will have led. `total`: the present size of
 * the root, for progress. `filter`: the root's exclude patterns. `othersCurrent`: at least half of the root's receivers
 * have everything. `prepared`: what the receiver has prepared is built upon; null: it is dropped. `released`: the end of
 * the last round: other receivers show that. `clash`: another node has used this node's token, in a sentence.
 * `preserve`: what the root preserves besides modes, owners and times; absent: nothing.
 */
export const Welcome = Type.Object(
  {
    type: Type.Literal('welcome'),
    software: Software,
    epoch: Token,
    term: Token,
    head: Sequence,
    start: Type.Union([Type.Literal('replay'), Type.Literal('resync')]),
    sequence: Sequence,
    reason: Type.String({ maxLength: 200 }),
    total: Type.Object({ entries: Count, bytes: Count }, closed),
    filter: Type.Array(Type.String({ maxLength: 1_000 }), { maxItems: LIMITS.filterPatterns }),
    othersCurrent: Type.Boolean(),
    prepared: Type.Union([Sequence, Type.Null()]),
    released: Sequence,
    clash: Type.Union([Type.String({ maxLength: 400 }), Type.Null()]),
    preserve: Type.Optional(Preserved),
  },
  closed,
)
/**
 * Begins the changeset of (from, to]; `head` is the head of the agent's index. With `request` it answers a want: the
 * receiver commits it but does not move its sequence, and from = to = the sequence at which the answer was made. `base`
 * is the committed sequence that `keep`, `copy` and deltas refer to: below `from` where the changeset continues a series.
 */
export const Changeset = Type.Object(
  {
    type: Type.Literal('changeset'),
    base: Sequence,
    from: Sequence,
    to: Sequence,
    head: Sequence,
    request: Type.Union([RequestId, Type.Null()]),
    changes: Type.Integer({ minimum: 0, maximum: LIMITS.changesetChanges }),
    bytes: Count,
  },
  closed,
)
/**
 * Manifest of a segment. `bytes` is how many bytes of binary frames follow, which decode to `tarBytes` of tar. With this
 * segment every change up to the sequence `to` has come; null: the agent does not say so here.
 */
export const Segment = Type.Object(
  {
    type: Type.Literal('segment'),
    index: Count,
    encoding: Type.Union([Type.Literal('tar'), Type.Literal('zstd')]),
    bytes: Type.Integer({ minimum: 0, maximum: LIMITS.segmentBytes }),
    tarBytes: Type.Integer({ minimum: 0, maximum: LIMITS.segmentBytes }),
    changes: Type.Array(Change, { maxItems: LIMITS.segmentChanges }),
    slice: Type.Union([Slice, Type.Null()]),
    to: Type.Union([Sequence, Type.Null()]),
    users: OwnerNames,
    groups: OwnerNames,
  },
  closed,
)
/**
 * A small changeset of its own, which overtakes the one that is under way: it is made visible at once, and moves no
 * position. It has what the index says at `to` of some paths that the one under way does not touch. Everything comes
 * again in its order.
 */
export const Overtake = Type.Object(
  {
    type: Type.Literal('overtake'),
    to: Sequence,
    encoding: Type.Union([Type.Literal('tar'), Type.Literal('zstd')]),
    bytes: Type.Integer({ minimum: 0, maximum: LIMITS.segmentBytes }),
    tarBytes: Type.Integer({ minimum: 0, maximum: LIMITS.segmentBytes }),
    changes: Type.Array(AheadChange, { minItems: 1, maxItems: LIMITS.segmentChanges }),
    users: OwnerNames,
    groups: OwnerNames,
  },
  closed,
)
/** All content up to `to` was sent, in this changeset and in those that were prepared before it: make it visible. */
export const Commit = Type.Object({ type: Type.Literal('commit'), to: Sequence }, closed)
/**
 * In place of a commit: make everything ready, show nothing, and answer `staged`. Comes again while the agent waits for
 * others. When neither this, `commit` nor `leave` has come for `doubtMs`, others may have gone on alone.
 */
export const Prepare = Type.Object(
  { type: Type.Literal('prepare'), to: Sequence, doubtMs: Type.Integer({ minimum: 1, maximum: LIMITS.doubtMs }) },
  closed,
)
/** The others go on without this receiver: no visitors may come to it before it shows `to`. Answer with `left`. */
export const Leave = Type.Object({ type: Type.Literal('leave'), to: Sequence }, closed)
/** One part of the index, as of `sequence`; `next` is the `after` of the following one, null at the end. */
export const Listing = Type.Object(
  {
    type: Type.Literal('listing'),
    request: RequestId,
    sequence: Sequence,
    directories: Type.Array(ListedChildren, { maxItems: LIMITS.listingEntries }),
    users: OwnerNames,
    groups: OwnerNames,
    next: Cursor,
  },
  closed,
)
/** One part of a summary of the index, as of `sequence`. */
export const Summary = Type.Object(
  {
    type: Type.Literal('summary'),
    request: RequestId,
    sequence: Sequence,
    directories: Type.Array(DirectorySummary, { maxItems: LIMITS.summaryDirectories }),
    users: OwnerNames,
    groups: OwnerNames,
    next: Cursor,
  },
  closed,
)
/** Makes the receiver compare everything within these paths with the agent's index, and repair it unless `dryRun`. */
export const ResyncOrder = Type.Object(
  {
    type: Type.Literal('resync'),
    id: RequestId,
    within: Type.Array(EntryPath, { minItems: 1, maxItems: LIMITS.resyncPaths }),
    check: Type.Union([Type.Literal('metadata'), Type.Literal('content')]),
    dryRun: Type.Boolean(),
    /** Whether the receiver may ask for summaries. */
    summaries: Type.Optional(Type.Literal(true)),
  },
  closed,
)
/** Ends a resync early, if it is still running. */
export const CancelResync = Type.Object({ type: Type.Literal('cancel-resync'), id: RequestId }, closed)

export const TO_AGENT = {
  hello: Hello,
  credit: Credit,
  committed: Committed,
  staged: Staged,
  left: Left,
  overtaken: Overtaken,
  durable: Durable,
  list: List,
  summarize: Summarize,
  expand: Expand,
  want: Want,
  repaired: Repaired,
  resynced: Resynced,
  failing: Failing,
  owed: Owed,
  ready: Ready,
  trash: TrashReport,
  'resync-progress': ResyncProgress,
} as const
export const TO_RECEIVER = {
  welcome: Welcome,
  changeset: Changeset,
  segment: Segment,
  overtake: Overtake,
  commit: Commit,
  prepare: Prepare,
  leave: Leave,
  listing: Listing,
  summary: Summary,
  resync: ResyncOrder,
  'cancel-resync': CancelResync,
} as const

export type Hello = Static<typeof Hello>
export type List = Static<typeof List>
export type Summarize = Static<typeof Summarize>
export type Expand = Static<typeof Expand>
export type Want = Static<typeof Want>
export type Owed = Static<typeof Owed>
export type TrashReport = Static<typeof TrashReport>
export type Welcome = Static<typeof Welcome>
export type Changeset = Static<typeof Changeset>
export type Segment = Static<typeof Segment>
export type Overtake = Static<typeof Overtake>
export type Commit = Static<typeof Commit>
export type Prepare = Static<typeof Prepare>
export type Leave = Static<typeof Leave>
export type Listing = Static<typeof Listing>
export type Summary = Static<typeof Summary>
export type CancelResync = Static<typeof CancelResync>
export type ResyncOrder = Static<typeof ResyncOrder>
export type ResyncProgress = Static<typeof ResyncProgress>
export type ToAgent = Static<(typeof TO_AGENT)[keyof typeof TO_AGENT]>
export type ToReceiver = Static<(typeof TO_RECEIVER)[keyof typeof TO_RECEIVER]>
