/**
 * Every bound of the agent on what it holds at once, with its unit in the name. Both threads use these bounds, so the
 * file lies at the wall, next to root-messages.ts, and imports the protocol only.
 *
 * INVARIANT: the relations in `assertBounds` hold; each thread asserts them when it starts. The simulation replaces
 * this module by one with other numbers, so that a handful of entries meets every bound, and asserts the same
 * relations. A time that code waits for is not a bound of this kind: such times are with the code that waits.
 */
import assert from 'node:assert/strict'
import { LIMITS } from '@rootferry/protocol'

export const BOUNDS = {
  /** A thread gives way to other work after this long. */
  turnMs: 5,

  /** Findings are recorded in portions of this many, so that a first scan of a million entries fits into memory. */
  portionFindings: 500,
  /** Names of a directory that are read at once; a directory with more is compared with its rows name by name. */
  listedNames: 1_000,
  /** Suspects of one scan that are read at once, in bytes; all others are read in the background. */
  inlineDigestBytes: 1024 * 1024,
  /** A batch of at most this many hints overtakes a running scan, and gives way to it after this many looks. */
  overtakingHints: 256,
  overtakingLooks: 2_000,
  /** Of more hints than those, so many at most do not wait until all have settled. */
  earlyHints: 32,
  /** Findings are recorded while a receiver that follows has at most this many changes to come. */
  changesAhead: 500,
  /** Large files are read in pieces of this size. */
  pieceBytes: 4 * 1024 * 1024,
  /** Hints that wait, or that the guard holds back; above this many they become one hint for the whole tree. */
  waitingHints: 100_000,
  /** ACLs and extended attributes of one entry, encoded. */
  extendedBytes: 256 * 1024,
  /** Problems of paths that are named; further ones are counted. */
  namedProblems: 1_000,
  /** Files whose bytes could not be read, with the number of attempts. */
  rememberedRetries: 10_000,

  /** A larger file is looked up by its size, to find another path that holds the same content. */
  leastSizedBytes: 8_000_000,
  /** Versions of a file whose chunks are kept: a receiver that lags behind them gets the file whole. */
  chunkedVersions: 4,
  /** Lives of the agent that are remembered: a receiver that was away for more of them must compare. */
  rememberedTerms: 1_000,

  /** Where a file is cut into chunks. INVARIANT: the same in every release, because chunk lists are kept in the index. */
  leastChunkBytes: 16 * 1024,
  normalChunkBytes: 64 * 1024,
  mostChunkBytes: 256 * 1024,
  /** The gear hash's high bits depend on the most bytes: 32 minus this many of them must be zero for a cut. */
  hardChunkShift: 14,
  easyChunkShift: 18,

  /** The size from which a file's chunks are kept. */
  leastDeltaBytes: 1024 * 1024,
  /** The size up to which they are kept: 16 GiB are 250,000 chunks, a list of 5 MB. */
  mostDeltaBytes: 16 * 1024 ** 3,
  /** The size from which a file has a changeset of its own. */
  ownChangesetBytes: 64 * 1024 * 1024,
  /** Slices of a file that small changes may overtake: they come between two slices. */
  overtakenSliceBytes: 512 * 1024,
  /** A file is planned in about so many slices: those of a very large one are larger. */
  plannedSlices: 32 * 1024,
  /** A larger file is a problem of its path: the plan of its slices would take too much memory. */
  mostFileBytes: 2 ** 40,
  /** What overtakes at once, and each file of it: a larger file is large. */
  overtakingBytes: 4 * 1024 * 1024,
  overtakingChanges: 500,
  /** Answers about what overtakes that are kept for other receivers. */
  keptOvertakes: 8,
  /** Content of one changeset, unless a single file has more. */
  changesetBytes: 256 * 1024 * 1024,
  /**
   * A segment's archive, unless a single file has more: a receiver works on one segment while the next is on its way.
   */
  segmentBytes: 4 * 1024 * 1024,
  /** The same over a line that has broken within a changeset: a receiver keeps what came in whole segments. */
  frailSegmentBytes: 64 * 1024,
  /** Room for the growth of files since they were scanned: a log that is written all the time is always longer. */
  growthBytes: 64 * 1024,
  /** The changes of a segment, or the entries of a listing, encoded: leaves most of a message for the other fields. */
  manifestBytes: LIMITS.messageBytes / 4,
  /** Memory for one segment, reused. */
  slabBytes: 4 * 1024 * 1024 + 64 * 1024,
  /** Slabs that are kept while they are not in use. */
  idleSlabs: 24,
  /** Entries of one listing. */
  listingEntries: 2_000,
  /** Directories of one summary, which has twice as many at most: empty ones of its last directory. */
  summaryDirectories: 2_000,
  /** Entries after which a summary ends with its directory. */
  summaryRows: 2_500,

  /** Segments that other sessions may ask for in a moment. */
  segmentCacheBytes: 48 * 1024 * 1024,
  /** Changesets that were sent and not confirmed: bounds how much a receiver can make the agent remember. */
  unconfirmedChangesets: 64,
  /** Segments that a session asks for ahead of the one that it is sending. */
  segmentsAhead: 2,
  /** Unsent bytes of a socket above which a session waits. */
  bufferedBytes: 2 * LIMITS.frameBytes,
  /** A message or a frame with more bytes leaves by itself. */
  gatheredBytes: 64 * 1024,
  /** Changes of one round: files whose rows have moved on beyond its end come with it too. */
  roundChanges: Math.floor(LIMITS.seriesChanges * 0.75),
  /** With more changes than this to come, a receiver catches up instead of following. */
  liveChanges: 1_000,
  /** A changeset with more bytes than this is bulk work for the limits of lines. */
  urgentBytes: 256 * 1024,
}

export type AgentBounds = typeof BOUNDS

/** The relations that the agent's code relies on. @throws AssertionError */
export function assertBounds(bounds: AgentBounds): void {
  const { leastChunkBytes, normalChunkBytes, mostChunkBytes, hardChunkShift, easyChunkShift } = bounds
  assert.ok(bounds.slabBytes >= Math.min(bounds.segmentBytes + bounds.growthBytes, LIMITS.segmentBytes), 'slab')
  assert.ok(bounds.segmentBytes <= LIMITS.segmentBytes, 'a segment')
  assert.ok(bounds.frailSegmentBytes <= bounds.segmentBytes, 'a small segment')
  assert.ok(bounds.overtakenSliceBytes <= bounds.segmentBytes, 'a slice that is overtaken')
  const headers = TAR_OF_A_FILE * bounds.overtakingChanges
  assert.ok(bounds.overtakingBytes + bounds.growthBytes + headers <= LIMITS.segmentBytes, 'what overtakes')
  assert.ok(bounds.overtakingChanges <= LIMITS.segmentChanges, 'changes that overtake')
  // The end of a plan gives all of its segments back at once, when the next plan has begun.
  assert.ok(bounds.idleSlabs * bounds.slabBytes >= 2 * bounds.segmentCacheBytes, 'slabs for two plans')
  assert.ok(bounds.manifestBytes + bounds.extendedBytes + LARGEST_LINE_BYTES <= LIMITS.messageBytes / 2, 'a manifest')
  assert.ok(2 * bounds.summaryDirectories + 1 <= LIMITS.summaryDirectories, 'a summary')
  assert.ok(bounds.listingEntries + 1 <= LIMITS.listingEntries, 'a listing and the entry of its path')
  assert.ok(0 < leastChunkBytes && leastChunkBytes < normalChunkBytes && normalChunkBytes < mostChunkBytes, 'a chunk')
  assert.ok(0 < hardChunkShift && hardChunkShift < easyChunkShift && easyChunkShift < 32, 'a cut')
  assert.ok(leastChunkBytes <= bounds.leastDeltaBytes && bounds.leastDeltaBytes <= bounds.mostDeltaBytes, 'a delta')
  assert.ok(bounds.roundChanges + LIMITS.changesetChanges <= LIMITS.seriesChanges, 'a round')
  assert.ok(bounds.leastDeltaBytes <= bounds.leastSizedBytes, 'what is looked up by size is planned as a large file')
  assert.ok(bounds.portionFindings > 0 && bounds.segmentsAhead > 0 && bounds.chunkedVersions > 0, 'more than nothing')
}

/** A header, and what fills the last block. */
const TAR_OF_A_FILE = 1024

/** The manifest line of the longest paths: each byte of a path may take six characters, and a copy has two paths. */
const LARGEST_LINE_BYTES = 12 * LIMITS.pathBytes + 512
