/** The answer about the latest changes of a root. */
import Type, { type Static } from 'typebox'
import { CHANGED_PARTS } from '../../root-messages.ts'
import { Count, closed, Name, OrNull, Time, words } from './elements.ts'

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
          changed: Type.Array(words(...CHANGED_PARTS), {
            maxItems: CHANGED_PARTS.length,
            description: 'what of it; empty where it is deleted, or where an earlier version recorded the change',
          }),
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

export type ChangesAnswer = Static<typeof Changes>
