/** The receiver's bounds at a small scale; replaces its bounds.ts. */
import { type ReceiverBounds, BOUNDS as SHIPPED } from '../../../packages/receiver/src/bounds.ts'

export { assertBounds } from '../../../packages/receiver/src/bounds.ts'

export const BOUNDS: ReceiverBounds = {
  ...SHIPPED,
  creditBytes: 48 * 1024,
  creditPortionBytes: 8 * 1024,
  segmentMemoryBytes: 16 * 1024,
}
