/**
 * The protocol's version and how two ends agree on one.
 *
 * A version is a WebSocket subprotocol name. The receiver offers every version that it speaks. The agent picks the
 * newest that it knows, and answers 426 at the upgrade when there is none, so that a mismatch is an HTTP error and
 * never a misunderstood frame. A change of any message's schema needs a new line in HISTORY; `version.test.ts` compares
 * the schemas' fingerprint with the last line.
 */

/**
 * One line for every version; the last one is the version that this code speaks. `schemas` is the SHA-256 of all
 * message schemas.
 */
export const HISTORY = [
  {
    version: 1,
    subprotocol: 'rootferry.v1',
    schemas: 'c7yHkQtBdpPi1twcce8hQP-MD2Abi34yyzCRC93G4Lc',
    note: 'first version',
  },
  {
    version: 2,
    subprotocol: 'rootferry.v2',
    schemas: 'auIv65umG46ZOpYf24u6L_nO0RoGqwPLj0lb7bLOqPU',
    note: 'adds overtake and overtaken; all other messages are those of version 1',
  },
  {
    version: 3,
    subprotocol: 'rootferry.v3',
    schemas: '0VWuWap122-9M9p1lL4k4e4n08q4BvCEmIDJLAC5BEE',
    note: 'adds summarize, summary and expand, and summaries of resync; all other messages are those of version 2',
  },
] as const

export const PROTOCOL_VERSION = 3

/** Newest first: what a receiver offers in `Sec-WebSocket-Protocol`. */
export const SUBPROTOCOLS: readonly string[] = HISTORY.map((line) => line.subprotocol).reverse()

/** The first version in which a small changeset may overtake the one that is under way. */
const OVERTAKING_SINCE = 2

/** The first version in which a resync may begin with a digest of each directory. */
const SUMMARIES_SINCE = 3

/** Whether a connection of this subprotocol has `overtake`: both ends of it speak the same version. */
export function hasOvertakes(subprotocol: string): boolean {
  return versionOf(subprotocol) >= OVERTAKING_SINCE
}

/** Whether a connection of this subprotocol has `summarize`. */
export function hasSummaries(subprotocol: string): boolean {
  return versionOf(subprotocol) >= SUMMARIES_SINCE
}

function versionOf(subprotocol: string): number {
  return HISTORY.find((line) => line.subprotocol === subprotocol)?.version ?? 0
}

/** The path at which the agent accepts WebSocket upgrades. */
export const STREAM_PATH = '/v1/stream'
/** On the same listener: tells the owner of a token which roots it grants. */
export const GRANTS_PATH = '/v1/grants'
export const EXCHANGE_PATH = '/v1/exchange'
/** With it a node tells itself from others of the same token. */
export const NODE_HEADER = 'Rootferry-Node'

/** The newest subprotocol that both ends know, or null when there is none. */
export function chooseSubprotocol(offered: Iterable<string>): string | null {
  const theirs = new Set(offered)
  return SUBPROTOCOLS.find((ours) => theirs.has(ours)) ?? null
}
