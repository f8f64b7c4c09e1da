/** What the main thread and a root's disk thread say to each other. Frames of segments are transferred, not copied. */
import type { CloseReason, Hello } from '@rootferry/protocol'

/** A root's status names this many of its problems: those that were met last. */
export const MOST_KNOWN = 100

export interface TrashLimits {
  /** 0: what is thrown away is deleted at once. */
  keepDays: number
  maxBytes: number
}

export interface TrashStatus {
  batches: number
  /** Content of the files in it. */
  bytes: number
  /** ISO 8601; null when it is empty. */
  oldestAt: string | null
}

export type OwnerPolicy = 'preserve' | 'keep' | { user: string; group: string }

export interface DiskOptions {
  /** The root's name. */
  root: string
  /** Absolute; made when missing. A symlink here is followed. */
  path: string
  /** This root's own state directory, absolute. */
  stateDir: string
  /** gitignore lines: never touched, never deleted. */
  protect: readonly string[]
  owner: OwnerPolicy
  /** Whether files may have set-user-id and set-group-id bits. */
  allowSetuid: boolean
  /** For each hook its gitignore lines. */
  hookPatterns: readonly (readonly string[])[]
  /** Absolute: where this root's trash lies when that is on the target's filesystem. */
  trashDir: string
  trash: TrashLimits
  /** /proc/sys/kernel/random/boot_id */
  bootId: string
}

export interface FirstJoin {
  right: number
  missing: number
  /** Content of the files that are missing. */
  missingBytes: number
  differing: number
  /** What goes to the trash, with all that directories among it hold. */
  extraneous: number
  /** Where the trash is; null: what is extraneous is deleted. */
  trash: string | null
}

/** Why one path could not be made right. */
export interface PathProblem {
  path: string
  code: string
  message: string
}

export type Phase = 'idle' | 'resyncing' | 'replaying' | 'live'

export type DiskEvent =
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
  | ({ type: 'problem' } & PathProblem)
  /** Paths with problems that have none any more. */
  | { type: 'mended'; paths: string[] }
  | { type: 'log'; level: 'info' | 'warn' | 'error'; message: string; details: Record<string, unknown> }
  /** The agent broke the protocol: the connection has to be closed with that reason. */
  | { type: 'broken'; error: { code: CloseReason; message: string } }

/** What the disk thread knows of a hello; the link adds the rest. */
export type HelloPosition = Pick<Hello, 'epoch' | 'term' | 'sequence' | 'durable' | 'target' | 'partials'>

export interface Frame {
  isBinary: boolean
  data: Uint8Array
}

export type ToDisk =
  | { type: 'hello' }
  /** In the order in which they came. */
  | { type: 'frames'; frames: Frame[] }
  | { type: 'disconnected' }
  | { type: 'close' }

export type FromDisk =
  | { type: 'opened' }
  | { type: 'failed'; message: string; exitCode: number }
  | { type: 'hello'; position: HelloPosition }
  /** An encoded message for the agent. */
  | { type: 'send'; message: string }
  | { type: 'event'; event: DiskEvent }
  | { type: 'closed' }
