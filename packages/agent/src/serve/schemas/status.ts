/** Answers about how things stand: probes, roots and receivers. */
import Type, { type Static } from 'typebox'
import { Count, closed, Name, OrNull, Time, words } from './elements.ts'

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
        {
          state: words('starting', 'off', 'refused', 'publishing'),
          why: OrNull(Type.String()),
          sequence: Count,
          readers: Count,
          regions: Type.Array(
            Type.Object(
              {
                name: Type.String({ description: 'the JetStream domain of its server' }),
                readers: Count,
                behind: OrNull(Type.Integer({ minimum: 0, description: 'messages of the log that its mirror lacks' })),
                why: OrNull(Type.String({ description: 'why it has no mirror' })),
              },
              closed,
            ),
          ),
          snapshot: OrNull(
            Type.Object(
              { sequence: Count, bytes: Count, madeAt: Time },
              { ...closed, description: 'the newest first sync that is stored for empty targets; null: none yet' },
            ),
          ),
        },
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
    region: OrNull(Type.String({ description: 'the JetStream domain of the server from which it reads the log' })),
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

export const Accepted = Type.Object({ root: Name, state: Type.Literal('accepted') }, closed)

export type StatusAnswer = Static<typeof Status>

export type RootHoldStatus = Static<typeof Hold>

export type RootAnswer = Static<typeof Root>

export type ReceiverStatus = Static<typeof Receiver>
