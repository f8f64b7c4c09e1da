/** Orders of resyncs, and how far they are. */
import { ResyncProgress } from '@rootferry/protocol'
import Type, { type Static } from 'typebox'
import { closed, Name, OrNull, Time, words } from './elements.ts'

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

const Paths = Type.Array(Type.String(), { description: 'what is compared; empty: all of the root' })

export const Resync = Type.Object({ ...Head, paths: Paths, receivers: Receivers }, closed)

const Summary = Type.Object({ ...Head, receivers: Type.Record(Type.String(), Type.Object(Figures, closed)) }, closed)

export const ResyncList = Type.Object({ resyncs: Type.Array(Summary) }, closed)

export type ResyncStatus = Static<typeof Resync>

export type ResyncReceiver = ResyncStatus['receivers'][string]

export type ResyncSummary = Static<typeof Summary>
