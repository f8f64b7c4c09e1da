/** The answer of a receiver's `GET /v1/status`; the command line reads it with the same schema. */
import Type, { type Static, type TSchema } from 'typebox'

const closed = { additionalProperties: false } as const
const OrNull = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()])
const Count = Type.Integer({ minimum: 0 })

const Root = Type.Object(
  {
    root: Type.String(),
    phase: Type.Enum(['idle', 'resyncing', 'awaiting-accept', 'replaying', 'live']),
    connected: Type.Boolean(),
    transport: Type.Enum(['websocket', 'nats']),
    disconnectedAt: OrNull(Type.String()),
    synced: Type.Boolean(),
    isInService: Type.Boolean(),
    isBehindOthers: Type.Boolean(),
    leftBehind: OrNull(Count),
    prepared: OrNull(Count),
    inDoubt: OrNull(Type.String({ description: 'since when others may show what is prepared here' })),
    sequence: Count,
    durableSequence: Count,
    lag: Type.Object({ sequences: Count }, closed),
    staged: Type.Object({ entries: Count, bytes: Count }, closed),
    copied: Type.Integer({ minimum: 0, description: 'bytes copied on this host since the start' }),
    lastError: OrNull(Type.String()),
    failing: OrNull(Type.String()),
    problems: Type.Array(Type.Object({ path: Type.String(), code: Type.String(), message: Type.String() }, closed)),
    problemCount: Count,
    clash: OrNull(Type.String()),
    trash: Type.Object({ batches: Count, bytes: Count, oldestAt: OrNull(Type.String()) }, closed),
    differences: Type.Object({ missing: Count, changed: Count, extraneous: Count }, closed),
    awaitsAccept: Type.Boolean(),
    wasComplete: Type.Boolean(),
    hooks: Type.Array(
      Type.Object(
        {
          command: Type.String(),
          readyAfter: Type.Boolean(),
          isDue: Type.Boolean(),
          runs: Count,
          failures: Count,
          lastError: OrNull(Type.String()),
        },
        closed,
      ),
    ),
    firstJoin: OrNull(
      Type.Object(
        {
          entries: Count,
          right: Count,
          missing: Count,
          missingBytes: Count,
          differing: Count,
          replaced: Count,
          extraneous: Count,
          trash: OrNull(Type.String()),
          paths: Type.Array(Type.Object({ path: Type.String(), kind: Type.Enum(['changed', 'extraneous']) }, closed)),
        },
        closed,
      ),
    ),
  },
  closed,
)

export const ReceiverStatus = Type.Object(
  {
    version: Type.String(),
    name: OrNull(Type.String()),
    ready: Type.Boolean(),
    /** The reasons why it is not ready. */
    reasons: Type.Array(Type.String()),
    roots: Type.Array(Root),
  },
  closed,
)

export type ReceiverStatus = Static<typeof ReceiverStatus>
export type RootAnswer = Static<typeof Root>
