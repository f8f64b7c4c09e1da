/**
 * A hold in the form in which a root's index keeps it, so that a restart of the agent, a crash or a loss of power ends
 * no hold. Pure.
 */
import Type, { type Static } from 'typebox'
import { Check } from 'typebox/value'

const Hold = Type.Object({
  id: Type.String(),
  /** Nothing above this sequence leaves the agent. */
  sequence: Type.Integer({ minimum: 0 }),
  /** The epoch of that sequence. */
  epoch: Type.String(),
  /** Living entries when the hold began: the net loss is counted from there. */
  living: Type.Integer({ minimum: 0 }),
  sinceMs: Type.Number(),
  /** From this time on the hold is overdue. */
  untilMs: Type.Number(),
  reason: Type.String(),
  by: Type.String(),
  /** Whether files of `hold.while` hold the root: it is released when they are gone. */
  isByFile: Type.Boolean(),
  /** The limits by which the guard has refused that the root releases itself. */
  refusedBy: Type.Optional(Type.Object({ maxDeletePercent: Type.Number(), minDeletes: Type.Number() })),
})
const KeptHold = Type.Object({
  hold: Type.Union([Hold, Type.Null()]),
  /** Files of `hold.while` that an operator's release went past: they hold nothing until they have been away. */
  passed: Type.Array(Type.String()),
  /** The end of the last round that went. */
  released: Type.Optional(Type.Object({ sequence: Type.Integer({ minimum: 0 }), epoch: Type.String() })),
})
export type Hold = Static<typeof Hold>
export type KeptHold = Static<typeof KeptHold>

const NONE: KeptHold = { hold: null, passed: [] }

export function encodeKeptHold(kept: KeptHold): string {
  return JSON.stringify(kept)
}

/** A text of another form counts as no hold. */
export function decodeKeptHold(text: string | null): KeptHold {
  if (text === null) return NONE
  try {
    const kept: unknown = JSON.parse(text)
    return Check(KeptHold, kept) ? kept : NONE
  } catch (error) {
    if (error instanceof SyntaxError) return NONE
    throw error
  }
}
