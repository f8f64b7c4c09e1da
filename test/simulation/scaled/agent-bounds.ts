/** The agent's bounds at a small scale; replaces its bounds.ts. */
import { type AgentBounds, BOUNDS as SHIPPED } from '../../../packages/agent/src/bounds.ts'
import { LIMITS } from './protocol-limits.ts'

export { assertBounds } from '../../../packages/agent/src/bounds.ts'

export const BOUNDS: AgentBounds = {
  ...SHIPPED,
  turnMs: 0,
  portionFindings: 6,
  listedNames: 4,
  overtakingHints: 3,
  overtakingLooks: 12,
  earlyHints: 2,
  changesAhead: 6,
  inlineDigestBytes: 16 * 1024,
  leastSizedBytes: 20_000,
  leastChunkBytes: 512,
  normalChunkBytes: 2 * 1024,
  mostChunkBytes: 8 * 1024,
  hardChunkShift: 19,
  easyChunkShift: 23,
  leastDeltaBytes: 12 * 1024,
  changesetBytes: 48 * 1024,
  ownChangesetBytes: 30 * 1024,
  overtakenSliceBytes: 10 * 1024,
  overtakingBytes: 8 * 1024,
  overtakingChanges: 4,
  keptOvertakes: 2,
  segmentBytes: 12 * 1024,
  frailSegmentBytes: 3 * 1024,
  growthBytes: 4 * 1024,
  slabBytes: 16 * 1024,
  listingEntries: 5,
  segmentCacheBytes: 32 * 1024,
  unconfirmedChangesets: 4,
  bufferedBytes: 2 * LIMITS.frameBytes,
}
