/**
 * Requests and answers of the admin API as TypeBox schemas: they check requests, type the handlers, and make
 * openapi.json. Closed: an unknown key of a body is refused, and an answer holds no key that is not here.
 */
import { ResyncProgress } from '@rootferry/protocol'
import Type, { type Static, type TSchema } from 'typebox'

const closed = { additionalProperties: false } as const

const words = <const Words extends string[]>(...accepted: Words) =>
  Type.Enum([...accepted], { description: accepted.join(' or ') })
const OrNull = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()])
const Count = Type.Integer({ minimum: 0 })
const Time = Type.String({ format: 'date-time', description: 'a time as 2026-01-31T08:15:00.000Z' })
const Name = Type.String({ minLength: 1, maxLength: 63, description: 'a name' })

export const Health = Type.Object({ status: Type.String() }, closed)

const Hold = Type.Object(
  {
    id: Type.String(),
    sequence: Type.Integer({ minimum: 0, description: 'nothing above it leaves the agent' }),
    since: Time,
    reason: Type.String(),
    by: Type.String({ description: 'the name of the token; hold.while: files of that setting' }),
    overdue: Type.Boolean(),
    refused: OrNull(
      Type.String({ description: 'why the root was not released when the files that held it were gone' }),
    ),
    pending: Type.Object({ changes: Count, bytes: Count }, { ...closed, description: 'what waits for the release' }),
  },
  closed,
)

const Hook = Type.Object(
  {
    command: Type.String(),
    isDue: Type.Boolean({ description: 'a run is due or in progress' }),
    runs: Count,
    failures: Count,
    lastError: OrNull(Type.String({ description: 'why the last run failed' })),
  },
  closed,
)

const Root = Type.Object(
  {
    name: Name,
    epoch: Type.String(),
    sequence: Count,
    state: words('scanning', 'ready', 'halted', 'unavailable'),
    reason: OrNull(Type.String()),
    entries: Type.Object({ files: Count, directories: Count, symlinks: Count, bytes: Count }, closed),
    watch: Type.Object(
      { backend: OrNull(words('chokidar', 'directory', 'polling')), degraded: OrNull(Type.String()) },
      closed,
    ),
    problems: Type.Array(Type.Object({ path: Type.String(), code: Type.String(), message: Type.String() }, closed), {
      description: 'the first 100',
    }),
    problemCount: Count,
    scanningSince: OrNull(Time),
    oldestHintAt: OrNull(Time),
    hold: OrNull(Hold),
    hooks: Type.Array(Hook, { description: 'in the order of hooks.afterAll' }),
    log: OrNull(
      Type.Object(
        { state: words('off', 'refused', 'publishing'), why: OrNull(Type.String()), sequence: Count, readers: Count },
        { ...closed, description: 'the log on NATS; null: none is configured' },
      ),
    ),
  },
  closed,
)

const Receiver = Type.Object(
  {
    name: Name,
    root: Name,
    state: words('expected', 'offline', 'resyncing', 'replaying', 'left-behind', 'live', 'awaiting-accept', 'failed'),
    sequence: Count,
    durableSequence: Count,
    lag: Type.Object({ sequences: Count, seconds: Type.Number({ minimum: 0 }) }, closed),
    toCome: Type.Object(
      {
        bytes: Type.Integer({
          minimum: 0,
          description: 'content that it has not committed; an estimate while more than 20,000 sequences are missing',
        }),
        share: OrNull(
          Type.Number({
            minimum: 0,
            maximum: 1,
            description:
              'how much has been sent of what it missed when it connected; null: it is live, away or compares',
          }),
        ),
      },
      closed,
    ),
    owed: Type.Object(
      { count: Count, paths: Type.Array(Type.Object({ path: Type.String(), code: Type.String() }, closed)) },
      { ...closed, description: 'paths that the receiver cannot make right; the first 100' },
    ),
    trash: OrNull(
      Type.Object(
        { batches: Count, bytes: Count, oldestAt: OrNull(Time) },
        { ...closed, description: 'what the receiver keeps of what it has replaced or removed' },
      ),
    ),
    clash: OrNull(Type.String({ description: 'which nodes use the token at the same time' })),
    transport: OrNull(words('websocket', 'nats')),
    connectedAt: OrNull(Time),
    lastSeenAt: OrNull(Time),
    lastError: OrNull(Type.String()),
  },
  closed,
)

export const Status = Type.Object(
  {
    version: Type.String(),
    certificate: OrNull(
      Type.Object(
        { fingerprint: Type.String(), expiresAt: Time },
        { ...closed, description: 'of the stream listener' },
      ),
    ),
    roots: Type.Array(Root),
    receivers: Type.Array(Receiver),
  },
  closed,
)

export const MOST_CHANGES = 1_000
export const Changes = Type.Object(
  {
    root: Name,
    head: Type.Integer({ minimum: 0, description: 'the sequence that receivers may have' }),
    next: Type.Integer({ minimum: 0, description: 'as `since` it leads to the changes that follow' }),
    changes: Type.Array(
      Type.Object(
        {
          sequence: Count,
          time: OrNull(Time),
          kind: words('file', 'directory', 'symlink', 'deleted'),
          path: Type.String(),
          bytes: Type.Integer({ minimum: 0, description: 'of content; 0 where the attributes alone changed' }),
        },
        closed,
      ),
      { maxItems: MOST_CHANGES },
    ),
    receivers: Type.Array(
      Type.Object({ name: Name, sequence: Type.Integer({ minimum: 0, description: 'what it has committed' }) }, closed),
    ),
  },
  closed,
)

export const ResyncBody = Type.Object(
  {
    root: Type.Optional(
      Type.Union([Name, Type.Null()], { description: 'the name of a root, or null for every root', default: null }),
    ),
    receivers: Type.Optional(
      Type.Array(Name, { maxItems: 1_000, description: 'a list of names of receivers (empty: all)', default: [] }),
    ),
    paths: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 4_095 }), {
        maxItems: 1_000,
        description: 'a list of at most 1,000 paths below the root (empty: all of it)',
        default: [],
      }),
    ),
    check: Type.Optional(
      Type.Enum(['metadata', 'content'], { description: 'metadata or content', default: 'metadata' }),
    ),
    dryRun: Type.Optional(Type.Boolean({ description: 'true or false', default: false })),
  },
  { ...closed, description: 'an object' },
)

/** The numbers that a receiver reports, under the names of the protocol. */
const { checked, missing, changed, extraneous, repaired, bytes } = ResyncProgress.properties
const Figures = {
  state: words('pending', 'running', 'done', 'failed', 'cancelled'),
  checked,
  missing,
  changed,
  extraneous,
  repaired,
  bytes,
  error: OrNull(Type.String()),
}
const Difference = Type.Object(
  {
    path: Type.String(),
    kind: words('missing', 'changed', 'extraneous'),
    root: Type.Optional(Type.String({ description: 'where the resync covers several roots' })),
  },
  closed,
)
const Receivers = Type.Record(
  Type.String(),
  Type.Object(
    {
      ...Figures,
      differences: Type.Array(Difference, {
        maxItems: 1_000,
        description: 'the first 1,000, or fewer when there are many receivers; none once newer resyncs need the memory',
      }),
    },
    closed,
  ),
)
const Head = {
  id: Type.String(),
  root: OrNull(Name),
  check: words('metadata', 'content'),
  dryRun: Type.Boolean(),
  state: words('running', 'done', 'failed', 'cancelled'),
  createdAt: Time,
  finishedAt: OrNull(Time),
}

export const Resync = Type.Object({ ...Head, receivers: Receivers }, closed)
const Summary = Type.Object({ ...Head, receivers: Type.Record(Type.String(), Type.Object(Figures, closed)) }, closed)
export const ResyncList = Type.Object({ resyncs: Type.Array(Summary) }, closed)
export const Accepted = Type.Object({ root: Name, state: Type.Literal('accepted') }, closed)

const Seconds = (about: string, fallback: number) =>
  Type.Integer({ minimum: 0, maximum: 604_800, description: `a whole number of seconds: ${about}`, default: fallback })
export const HoldBody = Type.Object(
  {
    reason: Type.Optional(Type.String({ maxLength: 1_000, description: 'a text, for status and log', default: '' })),
    forSeconds: Type.Optional(Seconds('the hold is overdue after that long', 900)),
    waitSeconds: Type.Optional(Seconds('receivers have that long to get what was there before', 10)),
  },
  { ...closed, description: 'an object' },
)
export const Held = Type.Object(
  {
    id: Type.String(),
    root: Name,
    sequence: Count,
    since: Time,
    behind: Type.Array(Name, { description: 'receivers that were live, and wait for the release with what they have' }),
  },
  closed,
)
export const ReleaseBody = Type.Object(
  {
    dryRun: Type.Optional(Type.Boolean({ description: 'true or false', default: false })),
    acceptLosses: Type.Optional(Type.Boolean({ description: 'true or false', default: false })),
    inParts: Type.Optional(
      Type.Boolean({
        description: 'true or false: more changes than receivers can commit at once come as several commits',
        default: false,
      }),
    ),
    waitSeconds: Type.Optional(Seconds('the answer waits that long for receivers', 0)),
    patienceSeconds: Type.Optional(
      Seconds('a receiver that stages for longer, and for longer than twice the half of the others, is left behind', 5),
    ),
    rolling: Type.Optional(
      Type.Union([Type.Integer({ minimum: 1, maximum: 100_000 }), Type.Null()], {
        description:
          'so many receivers at a time leave the load balancer, commit, and come back; null: all commit at once',
        default: null,
      }),
    ),
    drainSeconds: Type.Optional(Seconds('in a rolling release, between not ready and the commit', 5)),
    readySeconds: Type.Optional(
      Seconds('in a rolling release, a receiver is ready again within that, or stops it', 300),
    ),
  },
  { ...closed, description: 'an object' },
)
export const Released = Type.Object(
  {
    root: Name,
    released: Type.Boolean({ description: 'false: a dry run' }),
    parts: Type.Integer({ minimum: 1, description: 'commits, each together' }),
    round: OrNull(Type.String({ description: 'GET /v1/rounds/ID; null: each receiver commits by itself' })),
    from: Count,
    to: Count,
    changes: Count,
    bytes: Count,
    loss: OrNull(Type.String({ description: 'what the guard objects to' })),
    paths: Type.Array(Type.String(), { description: 'the first 1,000' }),
    receivers: Type.Array(
      Type.Object(
        {
          name: Name,
          state: words('committed', 'left-behind', 'behind', 'offline'),
          seconds: OrNull(Type.Number({ minimum: 0, description: 'from the release to the commit' })),
        },
        closed,
      ),
    ),
  },
  closed,
)

export const SignIn = Type.Union(
  [
    Type.Object({ token: Type.String({ minLength: 1, maxLength: 300, description: 'an admin token' }) }, closed),
    Type.Object({ code: Type.String({ minLength: 1, maxLength: 300, description: 'the code of a link' }) }, closed),
  ],
  { description: 'an object with a token, or with the code of a link' },
)
export const SignedIn = Type.Object(
  { name: Type.String(), access: words('full', 'read'), version: Type.String() },
  { ...closed, description: 'the name of the token; read: it may look, and change nothing' },
)
export const PageLink = Type.Object(
  { path: Type.String({ description: 'on this listener' }), expiresSeconds: Count },
  closed,
)

const Days = (about: string, most: number) =>
  Type.Integer({ minimum: 1, maximum: most * 86_400, description: `a whole number of seconds: ${about}` })
export const TokenBody = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 63, description: 'a name' }),
    kind: Type.Enum(['receiver', 'admin', 'admin-read'], { description: 'receiver, admin or admin-read' }),
    roots: Type.Optional(
      Type.Array(Name, { maxItems: 1_000, description: 'a list of names of roots (empty: all)', default: [] }),
    ),
    url: Type.Optional(
      Type.String({ maxLength: 300, description: 'where receivers reach this agent, as wss://admin.internal:8730' }),
    ),
    expiresSeconds: Type.Optional(
      Days('useless after that; without it the invitation of one node after 7 days', 3_650),
    ),
    many: Type.Optional(
      Type.Boolean({ description: 'true or false: for nodes that come and go, each with a name', default: false }),
    ),
    forgetAfterSeconds: Type.Optional(Days('with many: a node that was away for that long is forgotten', 365)),
  },
  { ...closed, description: 'an object with name and kind' },
)
export const MadeToken = Type.Object(
  {
    token: Type.String({ description: 'it is stored nowhere' }),
    invitation: OrNull(Type.String({ description: 'the line for rootferry-receiver join' })),
    hints: Type.Array(Type.String()),
  },
  closed,
)
const Token = Type.Object(
  {
    name: Type.String(),
    kind: words('receiver', 'admin', 'admin-read'),
    roots: OrNull(Type.Array(Name, { description: 'null: all' })),
    createdAt: Type.String(),
    expiresAt: OrNull(Type.String()),
    nodes: OrNull(Type.Array(Type.String(), { description: 'null: a token of one node' })),
  },
  closed,
)
export const Tokens = Type.Object({ tokens: Type.Array(Token) }, closed)

const Series = (description: string) => Type.Array(OrNull(Type.Number({ minimum: 0 })), { maxItems: 360, description })
export const History = Type.Object(
  {
    root: Name,
    intervalSeconds: Count,
    end: Time,
    latency: Type.Object(
      {
        p50: Series('seconds, to within a fifth, in which half of the commits came'),
        p99: Series('seconds, to within a fifth'),
        commits: Series('of changes on receivers'),
      },
      closed,
    ),
    lag: OrNull(
      Type.Object({ seconds: Series('the worst of each interval'), sequences: Series('the worst of each') }, closed),
    ),
  },
  closed,
)

export type HistoryAnswer = Static<typeof History>
export type TokenAnswer = Static<typeof Token>
export type MadeTokenAnswer = Static<typeof MadeToken>
export type SignedInAnswer = Static<typeof SignedIn>
const Ms = OrNull(Type.Number({ minimum: 0 }))
export const Round = Type.Object(
  {
    id: Type.String(),
    root: Name,
    state: words('collect', 'fence', 'roll', 'go', 'over', 'void'),
    outcome: OrNull(words('all', 'partial', 'void')),
    from: Count,
    to: Count,
    stopped: OrNull(Type.String({ description: 'which receiver failed in a rolling release, and how' })),
    changesets: Type.Integer({ minimum: 0, description: 'into which the release is cut, as far as it was sent' }),
    beganAt: Time,
    endedAt: OrNull(Time),
    members: Type.Array(
      Type.Object(
        {
          name: Name,
          state: words('staging', 'staged', 'committed', 'left-behind', 'unfenced', 'gone'),
          stagedMs: Ms,
          committedMs: Ms,
          burstMs: Ms,
        },
        { ...closed, description: 'in milliseconds since the round began; burstMs: from the first to the last call' },
      ),
    ),
    skewMs: OrNull(
      Type.Number({ minimum: 0, description: 'how far apart the first and the last member began to show it' }),
    ),
  },
  closed,
)
export const RoundList = Type.Object({ rounds: Type.Array(Round) }, closed)

export type RoundAnswer = Static<typeof Round>
export type ChangesAnswer = Static<typeof Changes>
export type StatusAnswer = Static<typeof Status>
export type RootHoldStatus = Static<typeof Hold>
export type HeldAnswer = Static<typeof Held>
export type ReleasedAnswer = Static<typeof Released>
export type RootAnswer = Static<typeof Root>
export type ReceiverStatus = Static<typeof Receiver>
export type ResyncStatus = Static<typeof Resync>
export type ResyncReceiver = ResyncStatus['receivers'][string]
export type ResyncSummary = Static<typeof Summary>
