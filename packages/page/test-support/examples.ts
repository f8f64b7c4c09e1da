/** A fleet in which nothing is wrong, for tests that spoil a part of it. */
import type { ReceiverStatus } from '@rootferry/agent/api'
import { type Fleet, keyOf, type Root } from '../src/state/fleet.ts'

export const NOW_MS = Date.parse('2026-01-31T03:00:00Z')

export const ROOT: Root = {
  name: 'shop',
  epoch: 'e',
  sequence: 10,
  state: 'ready',
  reason: null,
  entries: { files: 8, directories: 2, symlinks: 0, bytes: 1_000 },
  watch: { backend: 'directory', degraded: null },
  problems: [],
  problemCount: 0,
  scanningSince: null,
  oldestHintAt: null,
  hold: null,
  hooks: [],
  log: null,
  interval: 0,
}

export const RECEIVER: ReceiverStatus = {
  name: 'web1',
  root: 'shop',
  state: 'live',
  sequence: 10,
  durableSequence: 10,
  lag: { sequences: 0, seconds: 0 },
  toCome: { bytes: 0, share: null },
  owed: { count: 0, paths: [] },
  trash: null,
  clash: null,
  transport: null,
  region: null,
  connectedAt: '2026-01-31T02:00:00Z',
  lastSeenAt: '2026-01-31T02:59:59Z',
  lastError: null,
}

export function fleetWith(receivers: readonly ReceiverStatus[], root: Partial<Root> = {}): Fleet {
  return {
    certificate: null,
    roots: new Map([['shop', { ...ROOT, ...root }]]),
    receivers: new Map(receivers.map((receiver) => [keyOf(receiver), receiver])),
    resyncs: new Map(),
    rounds: new Map(),
  }
}
