/**
 * Every bound of the wire, in one place, with its unit in the name.
 *
 * Both ends enforce them: the sender never exceeds them, and the other side closes the connection when a bound is
 * exceeded. docs/protocol.md lists the same numbers; `protocol-document.test.ts` compares the two.
 */
export const LIMITS = {
  /** The most bytes of a segment that one binary frame carries. */
  frameBytes: 1024 * 1024,
  /** A text frame, as UTF-8: a segment header or a listing is the largest. */
  messageBytes: 4 * 1024 * 1024,
  /** A path below the root, as UTF-8; Linux accepts 4,096 with the closing zero. */
  pathBytes: 4095,
  /** One component of a path, as UTF-8. */
  nameBytes: 255,
  /** A symlink's target, as UTF-8. */
  targetBytes: 4095,
  /** Entries of one ACL: what the kernel can hold. */
  aclEntries: 8_191,
  /** Extended attributes of one entry. */
  attributes: 1_000,
  /** The value of an extended attribute as base64: 64 KiB are the most that the kernel holds. */
  attributeText: 87_384,
  /** A segment's tar archive before compression. */
  segmentBytes: 8 * 1024 * 1024,
  /** Bytes of a file that one slice with a delta makes: what a receiver copies in one go. */
  sliceBytes: 64 * 1024 * 1024,
  /** Steps of one slice with a delta. */
  sliceSteps: 5_000,
  /** Changes described by one segment. */
  segmentChanges: 2_000,
  /** Changes of one changeset. */
  changesetChanges: 10_000,
  /** Changes that are prepared and not committed: those of all changesets of a series together. */
  seriesChanges: 200_000,
  /** Entries of one listing. */
  listingEntries: 5_000,
  /** Directories of one summary. */
  summaryDirectories: 5_000,
  /** Directories that one expand asks for. */
  expandPaths: 1_000,
  /** Paths of one want. */
  wantPaths: 1_000,
  /** Paths that one resync is restricted to. */
  resyncPaths: 1_000,
  /** Differences that one report of a resync names. */
  reportedDifferences: 100,
  /** Paths that a receiver cannot make right, and names. */
  reportedOwed: 100,
  /** Requests that a receiver may have unanswered at once. */
  openRequests: 8,
  /** Partly received files that a hello may name. */
  partials: 16,
  /** Exclude patterns of a root. */
  filterPatterns: 1_000,
  /** Segment bytes that a receiver may let the agent send ahead of those that it has consumed. */
  creditBytes: 256 * 1024 * 1024,
  /** A sequence, a size, a count of bytes: exact in a double. */
  integer: Number.MAX_SAFE_INTEGER,
  /** The agent pings this often. */
  pingMs: 15_000,
  /** A connection on which nothing was heard for this long is dead. */
  deadMs: 45_000,
  /** The most that a prepare may ask for: after that long without a word of the agent, a prepared receiver is in doubt. */
  doubtMs: 300_000,
  /** From an accepted connection to a valid hello, TLS and HTTP included. */
  helloMs: 10_000,
  /** Everything that a receiver sends up to the end of its hello: room for `partials` of the longest paths, escaped. */
  helloBytes: 512 * 1024,
} as const
