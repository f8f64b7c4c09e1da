/** What the disk side of a root tells the process around it. Plain data: it crosses a thread's border. */
import type { CloseReason } from '@rootferry/protocol'
import type { FirstJoin } from '../serve/first-join.ts'
import type { TrashStatus } from './area/trash.ts'

export type Phase = 'idle' | 'resyncing' | 'replaying' | 'live'

export type ApplierEvent =
  /** `ms`: from the changeset's first message to visible. */
  | {
      type: 'committed'
      sequence: number
      /** The agent's, when it sent this. */
      head: number
      repair: boolean
      added: number
      changed: number
      removed: number
      bytes: number
      entries: number
      ms: number
    }
  /** A commit changed paths that the hook of that number matches. */
  | { type: 'touched'; hook: number; paths: string[] }
  | { type: 'durable'; sequence: number }
  | { type: 'phase'; phase: Phase }
  | { type: 'trash'; status: TrashStatus }
  /** Differences found since the last event. */
  | { type: 'differences'; missing: number; changed: number; extraneous: number }
  /** Staged since welcome; at most some ten a second. */
  | { type: 'progress'; entries: number; bytes: number }
  /** Segment bytes that need no memory any more: credit for the agent. */
  | { type: 'consumed'; bytes: number }
  /** Nothing can be committed at present, and it is tried again; null: it can again. */
  | { type: 'failing'; error: { code: string; message: string; path: string | null } | null }
  /** How much the first join of a target that holds something is going to do. */
  | { type: 'first-join'; plan: FirstJoin }
  /** One path that could not be made right; it stays owed and is tried again. */
  | { type: 'problem'; path: string; code: string; message: string }
  /** Paths with problems that have none any more. */
  | { type: 'mended'; paths: string[] }
  | { type: 'log'; level: 'info' | 'warn' | 'error'; message: string; details: Record<string, unknown> }
  /** The agent broke the protocol: the connection has to be closed with that reason. */
  | { type: 'broken'; error: { code: CloseReason; message: string } }
