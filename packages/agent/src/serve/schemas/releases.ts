/** Orders that hold and release a root, and the rounds in which receivers commit together. */
import Type, { type Static } from 'typebox'
import { Count, closed, Name, OrNull, Time, words } from './elements.ts'

const MOST_SECONDS = 604_800
const Seconds = (about: string, fallback: number) =>
  Type.Integer({
    minimum: 0,
    maximum: MOST_SECONDS,
    description: `a whole number of seconds from 0 to ${MOST_SECONDS}: ${about}`,
    default: fallback,
  })

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
    hold: Type.Optional(
      Type.Union([Type.String({ maxLength: 100 }), Type.Null()], {
        description: 'the id of the hold that may be ended; null: whichever there is',
        default: null,
      }),
    ),
    waitSeconds: Type.Optional(Seconds('the answer waits that long for receivers', 0)),
    patienceSeconds: Type.Optional(
      Seconds('a receiver that stages for longer, and for longer than twice the half of the others, is left behind', 5),
    ),
    rolling: Type.Optional(
      Type.Union([Type.Integer({ minimum: 1, maximum: 100_000 }), Type.Null()], {
        description:
          'a whole number of receivers from 1 to 100000: so many at a time leave the load balancer, commit, and come back; null: all commit at once',
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
    held: Type.Boolean({
      description: 'true: the root was still held when this was answered. When the release does not go it stays held',
    }),
    parts: Type.Integer({ minimum: 1, description: 'commits, each together' }),
    round: OrNull(Type.String({ description: 'GET /v1/rounds/ID; null: each receiver commits by itself' })),
    from: Count,
    to: Count,
    changes: Count,
    bytes: Count,
    loss: OrNull(Type.String({ description: 'what the guard objects to' })),
    paths: Type.Array(Type.String(), { description: 'the first 1,000' }),
    deleted: Type.Array(Type.String(), { description: 'those of `paths` that are gone' }),
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

export type HeldAnswer = Static<typeof Held>

export type ReleasedAnswer = Static<typeof Released>
