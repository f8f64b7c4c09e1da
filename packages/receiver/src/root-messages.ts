/** The messages between the main thread and a root's disk thread. Frames of segments are transferred, not copied. */
import type { CloseReason, Hello } from '@rootferry/protocol'

/** A root's status names this many of its problems: the latest ones. */
export const MOST_KNOWN = 100

/** A hook as the disk thread knows it. */
export interface HookPatterns {
  /** See hookKeys: no other hook of the root has it. */
  key: string
  /** gitignore lines. */
  match: readonly string[]
  /** Whether commits of a first sync count. */
  onFirstSync: boolean
}

export interface TrashLimits {
  /** 0: objects are deleted at once instead of being kept. */
  keepDays: number
  maxBytes: number
}

export interface TrashStatus {
  batches: number
  /** Bytes of the files in the trash. */
  bytes: number
  /** ISO 8601; null when the trash is empty. */
  oldestAt: string | null
}

export type OwnerPolicy = 'preserve' | 'keep' | { user: string; group: string }

/** How much a first join may replace and remove without an operator's consent: less than one of the two. */
export interface JoinGuard {
  /** Share of the target's entries. */
  maxPercent: number
  minEntries: number
}

export interface DiskOptions {
  /** The root's name. */
  root: string
  /** Absolute path; made when missing. A symlink here is followed. */
  path: string
  /** This root's own state directory, absolute. */
  stateDir: string
  /** gitignore lines of paths that are never touched and never deleted. */
  protect: readonly string[]
  owner: OwnerPolicy
  /** Whether files may have set-user-id and set-group-id bits. */
  allowSetuid: boolean
  /** `preserve`, or changes as of rsync's --chmod. */
  mode: string
  hooks: readonly HookPatterns[]
  /** Absolute path: the place of this root's trash when it is on the target's filesystem. */
  trashDir: string
  trash: TrashLimits
  guard: JoinGuard
  /** What an automatic resync does with objects that the agent does not have, after the agent has begun a new index. */
  extraneous: 'report' | 'trash'
  /** Of the target's filesystem: so much stays free. */
  minFreePercent: number
  /** /proc/sys/kernel/random/boot_id */
  bootId: string
  /** The thread only compares and reports, for `join --dry-run`. */
  looksOnly?: boolean
  /** At log level debug, commits name their paths. */
  namesPaths?: boolean
  /** The setting of this name. */
  systemCalls: 'auto' | 'libc' | 'portable'
}

export interface FirstJoin {
  /** Entries in the target, without protected ones. */
  entries: number
  right: number
  missing: number
  /** Bytes of the files that are missing. */
  missingBytes: number
  differing: number
  /** Those of `differing` whose content is replaced, or which are of another kind. */
  replaced: number
  /** Entries that go to the trash, including everything in directories among them. */
  extraneous: number
  /** The place of the trash; null: extraneous entries are deleted. */
  trash: string | null
  /** The first paths that are replaced or removed. */
  paths: { path: string; kind: 'changed' | 'extraneous' }[]
}

/** Why one path could not be made right. */
export interface PathProblem {
  path: string
  code: string
  message: string
}

export type Phase = 'idle' | 'resyncing' | 'awaiting-accept' | 'replaying' | 'live'

export type DiskEvent =
  /** `ms`: from the changeset's first message until it is visible. */
  | {
      type: 'committed'
      sequence: number
      /** The agent's head when it sent the changeset. */
      head: number
      /** An answer to a want, and what overtakes a changeset, move no position. */
      as: 'changeset' | 'repair' | 'overtake'
      added: number
      changed: number
      removed: number
      bytes: number
      entries: number
      /** From its first message until all of it was visible. */
      ms: number
      /** From the first to the last call that made it visible. */
      burstMs: number
    }
  /** A commit changed paths that match a hook, or an earlier process did not come to run it. */
  | {
      type: 'due'
      hook: number
      stamp: number
      reason: 'first-sync' | 'resync' | 'replay' | 'change'
      paths: string[]
      omitted: number
    }
  /** Whether the target once held everything that its agent had, and is still the same directory. */
  | { type: 'complete'; isComplete: boolean }
  | { type: 'durable'; sequence: number }
  /**
   * Where the target stands against the agent's head. `isBehind`: it missed changes that at least half of the root's
   * receivers have. `leftBehind`: the end of a round that went without it; null: none did. `clash`: another node has
   * used the token of this one.
   */
  | {
      type: 'standing'
      sequence: number
      head: number
      isBehind: boolean
      leftBehind: number | null
      clash: string | null
    }
  /** A comparison of the whole target is over, and ends there. */
  | { type: 'resynced'; sequence: number; head: number }
  /**
   * Everything up to there is staged and not visible; without a word of the agent for `doubtMs` others may have gone on
   * alone. Null: it does not wait for such a word.
   */
  | { type: 'prepared'; sequence: number | null; doubtMs: number }
  /** The connection has ended, and the next one continues from there: so much of a changeset is staged. */
  | { type: 'kept'; sequence: number }
  /** Others go on, or went on, without this target: it is not ready before it has committed that. */
  | { type: 'leave'; to: number }
  /** How far the agent is, of a changeset that has begun and is not committed. */
  | { type: 'head'; head: number }
  | { type: 'phase'; phase: Phase }
  | { type: 'trash'; status: TrashStatus }
  /** Differences found since the last event. */
  | { type: 'differences'; missing: number; changed: number; extraneous: number }
  /** Staged since welcome; comes at most about ten times a second. */
  | { type: 'progress'; entries: number; bytes: number }
  /** The burst that an earlier process had begun is over, or its disk is in trouble: now a hello has its answer. */
  | { type: 'recovered' }
  /** Bytes that were copied since the last event: from one filesystem to another, or from a file of the target. */
  | { type: 'copied'; bytes: number }
  /** Segment bytes whose memory is free again: credit for the agent. */
  | { type: 'consumed'; bytes: number }
  /** Nothing can be committed, and the commit is tried again; null: commits work again. */
  | { type: 'failing'; error: { code: string; message: string; path: string | null } | null }
  /** How much the first join of a target with content is going to do. */
  | { type: 'first-join'; plan: FirstJoin }
  /** A path that could not be made right; it stays owed and is tried again. */
  | ({ type: 'problem' } & PathProblem)
  /** Paths whose problems are over. */
  | { type: 'mended'; paths: string[] }
  /** How many paths are owed, when that is another number: more than are known as problems. */
  | { type: 'owed'; count: number }
  | { type: 'log'; level: 'debug' | 'info' | 'warn' | 'error'; message: string; details: Record<string, unknown> }
  /** The agent broke the protocol: the connection must be closed with that reason. */
  | { type: 'broken'; error: { code: CloseReason; message: string } }

/** The part of a hello that the disk thread knows; the link adds the rest. */
export type HelloPosition = Pick<Hello, 'epoch' | 'term' | 'sequence' | 'durable' | 'target' | 'partials' | 'prepared'>

export interface Frame {
  isBinary: boolean
  data: Uint8Array
}

export type ToDisk =
  | { type: 'hello' }
  /** Frames in the order in which they came. */
  | { type: 'frames'; frames: Frame[] }
  | { type: 'disconnected' }
  /** The command of a hook ended well, and was told of everything up to that stamp. */
  | { type: 'hook-ran'; hook: number; stamp: number }
  /** An operator accepts the waiting first join. */
  | { type: 'accept' }
  | { type: 'close' }

export type FromDisk =
  /** With what the ledger has: the position, before any connection. */
  | { type: 'opened'; sequence: number; durable: number }
  | { type: 'failed'; message: string; exitCode: number }
  | { type: 'hello'; position: HelloPosition }
  /** An encoded message for the agent. */
  | { type: 'send'; message: string }
  | { type: 'event'; event: DiskEvent }
  | { type: 'closed' }
