/**
 * The product at a small scale: bounds that a real tree meets at thousands of entries and megabytes are met by a
 * handful of entries and kilobytes, so that a short run cuts changesets, slices files, waits for credit and fills
 * caches.
 *
 * Each side keeps its bounds in one module, and a module of `scaled/` replaces it with the shipped numbers, some of
 * them smaller. The relations that the product asserts between its bounds hold for these as well.
 */
/** A module below packages/ → the module that replaces it. */
export const SCALED_MODULES: Readonly<Record<string, string>> = {
  'protocol/src/limits.ts': './scaled/protocol-limits.ts',
  'agent/src/bounds.ts': './scaled/agent-bounds.ts',
  'receiver/src/bounds.ts': './scaled/receiver-bounds.ts',
}
