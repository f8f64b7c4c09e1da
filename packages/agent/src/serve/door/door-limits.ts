/**
 * What strangers may cost the agent, in one place. They are whoever has not shown a token and said hello.
 * The bounds that are part of the protocol (`helloMs`, `helloBytes`) are in its own table.
 */
export const DOOR = {
  /** Connections in all; more are dropped by the kernel's side of the server before anything is read. */
  connections: 4_096,
  /** Connections that have not said hello yet, from everywhere. */
  strangers: 512,
  /** The same from one address, or from one IPv6 network of 64 bits. */
  strangersOfNetwork: 64,
  /** An HTTP request's line and headers. */
  headerBytes: 8 * 1024,
  /** How long a connection that was told to close may take to do so. */
  closeMs: 5_000,
  /** Refused tokens of a network that are answered one by one; after them one each `attemptMs`. */
  attempts: 10,
  attemptMs: 6_000,
  /** Log lines about refusals: one network's, and in all, with as many at once as `reports`. */
  networkReportMs: 60_000,
  reportMs: 2_000,
  reports: 30,
  /** Networks that are remembered for their refusals. */
  networks: 1_000,
} as const
