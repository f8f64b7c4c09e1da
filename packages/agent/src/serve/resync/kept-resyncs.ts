/**
 * Orders of resyncs in the form in which a root's index keeps them, so that a restart of the agent does not forget what
 * an operator was promised: which receivers of that root must still be compared, and how. Their numbers are not kept.
 * Pure.
 */
import Type, { type Static } from 'typebox'
import { Check } from 'typebox/value'

const KeptResync = Type.Object({
  id: Type.String(),
  createdAt: Type.String(),
  /** Whether the resync covers other roots too. */
  isOfSeveral: Type.Boolean(),
  paths: Type.Array(Type.String()),
  check: Type.Enum(['metadata', 'content']),
  dryRun: Type.Boolean(),
  /** The receivers whose part is not over. */
  receivers: Type.Array(Type.String()),
})
const KeptResyncs = Type.Array(KeptResync)

export type KeptResync = Static<typeof KeptResync>

export function encodeKeptResyncs(orders: readonly KeptResync[]): string {
  return JSON.stringify(orders)
}

/** A text of another form counts as empty. */
export function decodeKeptResyncs(text: string | null): KeptResync[] {
  if (text === null) return []
  try {
    const orders: unknown = JSON.parse(text)
    if (!Check(KeptResyncs, orders)) return []
    return orders.filter(({ createdAt }) => !Number.isNaN(Date.parse(createdAt)))
  } catch (error) {
    if (error instanceof SyntaxError) return []
    throw error
  }
}
