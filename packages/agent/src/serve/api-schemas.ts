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
  },
  closed,
)

const Receiver = Type.Object(
  {
    name: Name,
    root: Name,
    state: words('offline', 'resyncing', 'replaying', 'live', 'awaiting-accept', 'failed'),
    sequence: Count,
    durableSequence: Count,
    lag: Type.Object({ sequences: Count, seconds: Type.Number({ minimum: 0 }) }, closed),
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

export type StatusAnswer = Static<typeof Status>
export type RootAnswer = Static<typeof Root>
export type ReceiverStatus = Static<typeof Receiver>
export type ResyncStatus = Static<typeof Resync>
export type ResyncReceiver = ResyncStatus['receivers'][string]
export type ResyncSummary = Static<typeof Summary>
