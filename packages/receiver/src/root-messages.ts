/** What the main thread and a root's disk thread say to each other. Frames of segments are transferred, not copied. */
import type { Hello } from '@rootferry/protocol'
import type { ApplierEvent } from './disk/root-disk.ts'

/** What the applier knows of a hello; the link adds the rest. */
export type Position = Pick<Hello, 'epoch' | 'term' | 'sequence' | 'durable' | 'target' | 'partials'>

export interface Frame {
  isBinary: boolean
  data: Uint8Array
}

export type ToApplier =
  | { type: 'hello' }
  /** In the order in which they came. */
  | { type: 'frames'; frames: Frame[] }
  | { type: 'disconnected' }
  | { type: 'close' }

export type FromApplier =
  | { type: 'opened' }
  | { type: 'failed'; message: string; exitCode: number }
  | { type: 'hello'; position: Position }
  /** An encoded message for the agent. */
  | { type: 'send'; message: string }
  | { type: 'event'; event: ApplierEvent }
  | { type: 'closed' }
