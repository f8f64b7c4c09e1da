/** The bounds of the wire at a small scale; replaces the protocol's limits.ts. */
import { LIMITS as SHIPPED } from '../../../packages/protocol/src/limits.ts'

export const LIMITS: Record<keyof typeof SHIPPED, number> = {
  ...SHIPPED,
  frameBytes: 4 * 1024,
  segmentBytes: 24 * 1024,
  segmentChanges: 6,
  changesetChanges: 12,
  seriesChanges: 48,
  wantPaths: 3,
  partials: 2,
  sliceBytes: 40 * 1024,
  sliceSteps: 3,
}
