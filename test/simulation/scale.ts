/**
 * The product at a small scale: bounds that a real tree meets at thousands of entries and megabytes are met by a
 * handful of entries and kilobytes, so that a short run cuts changesets, slices files, waits for credit and fills
 * caches.
 *
 * Each side keeps its bounds in one module, and a module of `scaled/` replaces it with the shipped numbers, some of
 * them smaller. The relations that the product asserts between its bounds hold for these as well.
 */
import type { Replacement } from './hooks.ts'

/** A module below packages/ → the module that replaces it. */
export const SCALED_MODULES: Readonly<Record<string, string>> = {
  'protocol/src/limits.ts': './scaled/protocol-limits.ts',
  'agent/src/bounds.ts': './scaled/agent-bounds.ts',
}

/** `const name = value` gets another value, whatever its value is. */
function bound(file: string, name: string, value: string): Replacement {
  return { file, snippet: new RegExp(`(?<=^(?:export )?const ${name} = )[^\\n]+`, 'm'), replacement: value }
}

export const SCALED_CONSTANTS: readonly Replacement[] = [
  bound('receiver/src/serve/link/credit.ts', 'CREDIT_BYTES', '48 * 1024'),
  bound('receiver/src/serve/link/credit.ts', 'PORTION_BYTES', '8 * 1024'),
  bound('receiver/src/disk/stage/unpacker.ts', 'FIRST_MEMORY', '16 * 1024'),
]
