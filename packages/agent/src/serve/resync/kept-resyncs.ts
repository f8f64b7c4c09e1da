/**
 * Orders of resyncs as a root's index keeps them, so that a restart of the agent does not forget what was promised to an
 * operator: which receivers of that root are still to be compared, and how. Figures are not kept. Pure.
 */
import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'

const KeptOrder = Type.Object({
  id: Type.String(),
  createdAt: Type.String(),
  /** Whether it covers other roots too. */
  isOfSeveral: Type.Boolean(),
  paths: Type.Array(Type.String()),
  check: Type.Enum(['metadata', 'content']),
  dryRun: Type.Boolean(),
  /** Those that are not over. */
  receivers: Type.Array(Type.String()),
})
const validator = Compile(Type.Array(KeptOrder))

export type KeptOrder = Static<typeof KeptOrder>

export function encodeOrders(orders: readonly KeptOrder[]): string {
  return JSON.stringify(orders)
}

/** Of what is no such text, nothing was kept. */
export function decodeOrders(text: string | null): KeptOrder[] {
  if (text === null) return []
  try {
    const orders: unknown = JSON.parse(text)
    if (!validator.Check(orders)) return []
    return orders.filter(({ createdAt }) => !Number.isNaN(Date.parse(createdAt)))
  } catch (error) {
    if (error instanceof SyntaxError) return []
    throw error
  }
}
