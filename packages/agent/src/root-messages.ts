/**
 * The messages between the main thread and a root's thread. Segment payloads are transferred, never copied.
 *
 * A request carries an id and gets one answer or one refusal; every other message is an event and needs no answer.
 */
import type { Expand, Hello, List, Preserved, Summarize, Want, Welcome } from '@rootferry/protocol'

/** Where an answer continues: the number of a directory, the head at which a listing began, and a name in it, or none. */
export const CURSOR = /^\d{1,15}\/(\d{1,16}\/)?[^/]*$/
/** Receivers may commit a release for so long after it went; it is over when all have, or then. */
export const GO_MS = 10_000

/**
 * What of an entry its latest change has changed. `new`: nothing was there, or an object of another kind. `acl`: also a
 * default one.
 */
export const CHANGED_PARTS = [
  'new',
  'content',
  'target',
  'mode',
  'owner',
  'group',
  'time',
  'acl',
  'xattr',
  'links',
] as const
export type ChangedPart = (typeof CHANGED_PARTS)[number]

export interface Totals {
  files: number
  directories: number
  symlinks: number
  bytes: number
}

/** What a session must know about a changeset before it asks for segments. */
export interface PlanSummary {
  id: number
  /** The committed sequence that the changeset refers to. */
  base: number
  from: number
  to: number
  head: number
  /** The last sequence at which its receivers had everything: see EntryIndex.holderOf. */
  whole: number
  request: number | null
  /** It leads to everything that the index held when it was made. */
  isWhole: boolean
  /** Without a layout the most that it can be, as `bytes` are. */
  changes: number
  bytes: number
  /** Small changes may go ahead of it: it brings large files, and no other content. */
  mayBeOvertaken: boolean
  /** Otherwise large files must be read before it is known what is sent of them, and there are no segments yet. */
  isLaidOut: boolean
  /** For slices: which part of which content, so that a receiver that has it is not sent it again. */
  segments: { slice: { path: string; content: number; end: number; isLast: boolean } | null }[]
}

export interface PackedSegment {
  /** The `segment` message. */
  header: string
  payload: Uint8Array<ArrayBuffer>
  /**
   * Whether every row was sent as it is in the index; otherwise a receiver of the segment holds something else than
   * others at its cursor.
   */
  isAsPlanned: boolean
}

/** What goes ahead of a changeset that is under way. */
export interface PackedOvertake {
  /** Everything up to there goes ahead, or comes in its order. */
  to: number
  /** The `overtake` message; null: nothing of it can go ahead. */
  header: string | null
  payload: Uint8Array<ArrayBuffer>
}

/** A loss above both limits at once is a mass deletion. */
export interface GuardLimits {
  maxDeletePercent: number
  minDeletes: number
}

export interface PathProblem {
  path: string
  code: PathProblemCode
  message: string
}

export type WatchBackend = 'chokidar' | 'directory' | 'polling'

export type PathProblemCode =
  | 'unreadable'
  /** The filesystem failed, or does not answer: looked at again by time. */
  | 'io-error'
  | 'special-file'
  | 'too-large'
  | 'invalid-name'
  | 'reserved-name'
  | 'unsettled'

export interface WatchSettings {
  backend: 'auto' | WatchBackend
  settleMs: number
  maxWaitMs: number
  rescanMinutes: number
}

/** Files of the root, as paths below it, whose existence holds the root. */
export interface HoldSettings {
  while: readonly string[]
  /** Whether the file itself travels: at once when it appears, and last when it goes. */
  show: boolean
  overdueMinutes: number
}

/** What receivers commit together: the releases of holds, every change, or nothing. */
export type Together = 'releases' | 'always' | 'never'

export interface HoldStatus {
  id: string
  sequence: number
  sinceMs: number
  reason: string
  by: string
  overdue: boolean
  /** Why the root was not released when the files that held it were gone; null: they are there, or there are none. */
  refused: string | null
  pending: { changes: number; bytes: number }
}

/** How far receivers may be brought; `waitMs`: for that long, those that keep up may still get there. */
export interface RootGate {
  limit: number | null
  waitMs: number | null
}

export interface ReleaseReport {
  from: number
  to: number
  changes: number
  bytes: number
  /** What the guard objects to, or null. */
  loss: string | null
  /** The first of the changed paths. */
  paths: string[]
  /** Those of them that are gone. */
  deleted: string[]
  /** Receivers commit it together. */
  isRound: boolean
  /** More than can be committed at once comes as several commits. */
  parts: number
}

export type ReleaseAnswer =
  | ({ outcome: 'released' | 'dry-run' } & ReleaseReport)
  | { outcome: 'not-held' }
  /** By another hold than the one that was to be ended. */
  | { outcome: 'held-anew'; hold: HoldStatus }
  | { outcome: 'guard'; reason: string }
  /** More than receivers can commit at once. */
  | { outcome: 'too-large'; changes: number }

export type HoldAnswer = { outcome: 'held'; hold: HoldStatus } | { outcome: 'was-held'; hold: HoldStatus }

/** `root-missing`: there is no directory that could be accepted. */
export type GuardAnswer = 'accepted' | 'not-halted' | 'root-missing'

/** The setting of this name. */
export type SystemCallsChoice = 'auto' | 'libc' | 'portable'

export interface RootOptions {
  name: string
  /** Absolute path of the docroot; it may be a symlink. */
  path: string
  /** Directory of this root's index. */
  stateDir: string
  exclude: readonly string[]
  watch: WatchSettings
  guard: GuardLimits
  hold: HoldSettings
  together: Together
  /** The root is the target of a receiver of this host: agent and receiver may have the same directory. */
  relay: boolean
  /** What is asked for; the docroot's filesystem may have less. */
  preserve: Preserved
  software: string
  systemCalls: SystemCallsChoice
  /** At log level debug, changesets name their paths. */
  namesPaths?: boolean
}

/** Name of a request → what it takes and what it answers. */
export interface RootRequests {
  /**
   * Decides where a receiver begins; waits for the first scan if the decision needs it. It had everything at `whole`,
   * or never where that is 0. What it has staged is completed up to the end of `round`; null: of no round.
   */
  greet: {
    takes: { hello: Hello; receiver: string }
    answers: { welcome: Omit<Welcome, 'othersCurrent' | 'clash'>; whole: number; round: number | null }
  }
  /**
   * With `to` the plan is part of a round that ends there; else it leads as far as receivers may be brought. `isRest`:
   * `from` may lie within a changeset. `isFrail`: in small segments. `shown`: up to there something went ahead to those
   * receivers, so that an earlier plan is not for them. `limit`: not beyond that either; null: nothing further bounds it.
   */
  plan: {
    takes: {
      from: number
      base: number
      whole: number
      to: number | null
      isRest: boolean
      isFrail: boolean
      shown: number
      limit: number | null
    }
    answers: PlanSummary
  }
  repair: { takes: { request: number; paths: Want['paths'] }; answers: PlanSummary }
  /** Answers with the same plan, laid out: its files are read for that. */
  'lay-out': { takes: { plan: number }; answers: PlanSummary }
  pack: { takes: { plan: number; segment: number; compress: boolean }; answers: PackedSegment }
  /** What was recorded within (after, limit] and may go ahead of that plan, which is under way; null: nothing now. */
  overtake: { takes: { plan: number; after: number; limit: number; compress: boolean }; answers: PackedOvertake | null }
  /**
   * With `at`, a listing or a summary is answered only while the index is no further than that; the head has been told otherwise. Files
   * without a known digest are read when their digest is asked for.
   */
  list: { takes: { list: List | Summarize | Expand; at: number | null }; answers: { listing: string | null } }
  /** Makes the index equal the disk at and below some paths, with `content` to the byte. */
  rescan: { takes: { within: string[]; content: boolean }; answers: { head: number } }
  /** Lets a halted root continue as it is, deletions included. */
  'accept-guard': { takes: object; answers: GuardAnswer }
  /** Nothing above the present state leaves the agent from now on. All that was on the disk before is part of it. */
  hold: { takes: { reason: string; by: string; forMs: number; waitMs: number }; answers: HoldAnswer }
  'end-hold': {
    takes: {
      dryRun: boolean
      acceptLosses: boolean
      /** What is too large for one commit comes as several. */
      isInParts: boolean
      /** Receivers take turns, also where releases are not committed together. */
      isRolling: boolean
      /** The id of the hold that may be ended; null: any. */
      hold: string | null
      by: string
    }
    answers: ReleaseAnswer
  }
  /** The round of a release is over, or goes: then the hold is gone, on the disk too, when this is answered. */
  'end-round': { takes: { to: number; goes: boolean }; answers: { isPart: boolean } }
  /** Bytes of the files that changed above each of some ascending sequences, and up to `to`. */
  weigh: { takes: { after: number[]; to: number }; answers: { bytes: number[] } }
  /** The first paths that changed within (after, to] and match one of these gitignore lines, and how many more do. */
  changed: { takes: { after: number; to: number; match: string[] }; answers: { paths: string[]; omitted: number } }
  /** Changes up to `to` within a path: the first ones above `after`, or, where that is null, the last ones. */
  recent: {
    takes: { after: number | null; to: number; within: string; limit: number }
    answers: {
      changes: {
        sequence: number
        path: string
        kind: 'file' | 'directory' | 'symlink' | 'deleted'
        changed: ChangedPart[]
        bytes: number
      }[]
      /** Further changes are above it. */
      next: number
    }
  }
  /** Whether the thread answers. */
  alive: { takes: object; answers: { isAlive: true } }
  /** What an earlier life of the agent knew about its receivers, and about when changes for them were found. */
  memory: {
    takes: object
    answers: {
      watermarks: { name: string; committed: number; durable: number; whole: number; seen: number }[]
      headTimes: string | null
      resyncs: string | null
      hooks: string | null
    }
  }
}

export type RootRequest = {
  [Name in keyof RootRequests]: { type: Name; id: number } & RootRequests[Name]['takes']
}[keyof RootRequests]

export type ToRoot =
  | RootRequest
  | { type: 'release'; plan: number }
  /** Memory of a payload that has been sent, transferred back. */
  | { type: 'recycle'; memory: ArrayBuffer }
  /** How far the receiver that is furthest of those that follow has got; null: they have to tell anew. */
  | { type: 'shown'; sequence: number | null }
  | { type: 'watermark'; receiver: string; committed: number; durable: number; whole: number }
  /** Texts that the next life of the agent gets back. */
  | { type: 'remember'; key: 'head-times' | 'resyncs' | 'hooks'; text: string }
  | { type: 'forget'; receiver: string }
  /** Receivers had their time to reach the sequence at which the root is held. */
  | { type: 'shut'; sequence: number }
  | {
      type: 'reconfigure'
      exclude: readonly string[]
      watch: WatchSettings
      guard: GuardLimits
      hold: HoldSettings
      together: Together
      preserve: Preserved
    }
  /** `forGood`: the root is not served any more, so a hold of it ends. */
  | { type: 'close'; forGood: boolean }

export interface RootStatus {
  name: string
  epoch: string
  sequence: number
  state: 'scanning' | 'ready' | 'halted' | 'unavailable'
  reason: string | null
  totals: Totals
  watch: { backend: WatchBackend | null; degraded: string | null }
  problems: PathProblem[]
  problemCount: number
  overflows: number
  /** By the wall clock. Null: no scan is in progress, and no hint waits or is being looked at. */
  scanningSinceMs: number | null
  oldestHintMs: number | null
  hold: HoldStatus | null
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export type FromRoot =
  | { type: 'answer'; id: number; value: unknown }
  | { type: 'refusal'; id: number; message: string }
  /** A fault of this program: the caller logs it, with the stack of the thread. */
  | { type: 'fault'; id: number; message: string; stack: string }
  /** The index reached `head`; the oldest hint behind the newest changes came at `seenMs` (wall clock). */
  | { type: 'advanced'; head: number; seenMs: number }
  | { type: 'status'; status: RootStatus }
  /** Comes before the first `advanced` beyond its limit. */
  | { type: 'gate'; gate: RootGate }
  /** A release was judged: receivers shall commit what waits together, and the hold ends when they go. */
  | { type: 'round'; from: number; to: number }
  | { type: 'scanned'; tookMs: number }
  | { type: 'log'; level: LogLevel; message: string; details: Record<string, unknown> }
  | { type: 'failed'; message: string; exitCode: number }
  /** The tree was closed, and will be opened again: sessions that were welcomed before are void. */
  | { type: 'interrupted' }
  /** Bulk work is over: a good moment to free memory. */
  | { type: 'rested' }
  | { type: 'closed' }
