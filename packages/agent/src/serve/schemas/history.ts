/** The answer about latency and lag over time. */
import Type, { type Static } from 'typebox'
import { Count, closed, Name, OrNull, Time } from './elements.ts'

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
