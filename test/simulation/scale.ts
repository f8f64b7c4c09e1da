/**
 * The product at a small scale: bounds that a real tree meets at thousands of entries and megabytes are met by a
 * handful of entries and kilobytes, so that a short run cuts changesets, slices files, waits for credit and fills caches.
 */
import type { Replacement } from './hooks.ts'

/** `name: value,` or `name = value` takes another value, whatever it has. */
function bound(file: string, name: string, value: string): Replacement {
  return {
    file,
    snippet: new RegExp(`(?<=^ *(?:(?:export )?const )?${name}(?: =|:) )[^\\n,]+`, 'm'),
    replacement: value,
  }
}

export const SCALE: readonly Replacement[] = [
  bound('protocol/src/limits.ts', 'frameBytes', '4 * 1024'),
  bound('protocol/src/limits.ts', 'segmentBytes', '24 * 1024'),
  bound('protocol/src/limits.ts', 'segmentChanges', '6'),
  bound('protocol/src/limits.ts', 'changesetChanges', '12'),
  bound('protocol/src/limits.ts', 'wantPaths', '3'),
  bound('protocol/src/limits.ts', 'partials', '2'),
  bound('protocol/src/limits.ts', 'sliceBytes', '40 * 1024'),
  bound('protocol/src/limits.ts', 'sliceSteps', '3'),
  bound('agent/src/root/pack/changeset-plan.ts', 'TARGET_BYTES', '12 * 1024'),
  bound('agent/src/root/pack/large-files.ts', 'LEAST_DELTA_BYTES', '12 * 1024'),
  bound('agent/src/root/delta/fast-cdc.ts', 'LEAST_BYTES', '512'),
  bound('agent/src/root/delta/fast-cdc.ts', 'NORMAL_BYTES', '2 * 1024'),
  bound('agent/src/root/delta/fast-cdc.ts', 'MOST_CHUNK_BYTES', '8 * 1024'),
  bound('agent/src/root/delta/fast-cdc.ts', 'HARD_SHIFT', '19'),
  bound('agent/src/root/delta/fast-cdc.ts', 'EASY_SHIFT', '23'),
  bound('agent/src/root/pack/packer.ts', 'MOST_CHANGESET_BYTES', '48 * 1024'),
  bound('agent/src/root/answer/listing.ts', 'MOST_ENTRIES', '5'),
  bound('agent/src/serve/feed/hub.ts', 'CACHE_BYTES', '32 * 1024'),
  bound('agent/src/serve/feed/session-state.ts', 'MOST_UNCONFIRMED', '4'),
  bound('agent/src/root/pack/slab-pool.ts', 'SLAB_BYTES', '16 * 1024'),
  bound('agent/src/root/scan/scanner.ts', 'PORTION', '6'),
  bound('agent/src/root/turn.ts', 'TURN_MS', '0'),
  bound('agent/src/root/scan/scanner.ts', 'INLINE_DIGEST_BYTES', '16 * 1024'),
  { file: 'agent/src/root/index/index-schema.ts', snippet: 'WHERE size > 8000000', replacement: 'WHERE size > 20000' },
  { file: 'agent/src/root/index/index-queries.ts', snippet: 'AND size > 8000000', replacement: 'AND size > 20000' },
  bound('receiver/src/serve/link/credit.ts', 'CREDIT_BYTES', '48 * 1024'),
  bound('receiver/src/serve/link/credit.ts', 'PORTION_BYTES', '8 * 1024'),
  bound('receiver/src/disk/stage/unpacker.ts', 'FIRST_MEMORY', '16 * 1024'),
]

/** What of these the oracles go by. */
export const SCALED = {
  frameBytes: 4 * 1024,
  segmentBytes: 24 * 1024,
}
