/**
 * The bounds on unauthenticated clients, in one place: connections that have not shown a token and said hello. Bounds
 * that are part of the protocol (`helloMs`, `helloBytes`) are in the protocol's own table.
 */
export const DOOR = {
  /** Connections without a hello, from all networks together. */
  unauthenticated: 512,
  /** Connections without a hello from one address, or from one IPv6 network of 64 bits. */
  unauthenticatedOfNetwork: 64,
  /** An HTTP request's line and headers. */
  headerBytes: 8 * 1024,
  /** How long a connection that was told to close may take to do so. */
  closeMs: 5_000,
  /** Wrong tokens of one network that are answered one after the other; after that, one per `attemptMs`. */
  attempts: 10,
  attemptMs: 6_000,
  /**
   * Log lines about wrong tokens: intervals for one network and for all, and how many lines may come at once
   * (`reports`).
   */
  networkReportMs: 60_000,
  reportMs: 2_000,
  reports: 30,
  /** Networks whose wrong tokens are remembered. */
  networks: 1_000,
} as const
