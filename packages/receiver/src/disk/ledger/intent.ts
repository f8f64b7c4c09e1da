/**
 * The record of a burst, written before it begins, from which another process can finish the burst.
 *
 * It holds the wanted changes (not how to make them: that is planned against the disk), what the touched directories
 * were like, and what the ledger records afterwards.
 */

import type { StagedChange } from '../files/staged-change.ts'
import type { Position } from './ledger.ts'
import type { DirectoryBefore } from './operation.ts'

const VERSION = 1

export interface Intent {
  changes: readonly StagedChange[]
  before: readonly DirectoryBefore[]
  /** The target's position afterwards; null for the answer to a want, which does not move it. */
  position: Position | null
  /** When the answered want was sent, in milliseconds since the epoch; null where nothing was asked for. */
  askedMs: number | null
  /** Paths that are no longer owed unless the burst fails for them. */
  cleared: readonly string[]
  /** Paths that are owed already: their content differs from what the agent assumed. */
  owed: readonly string[]
  /** Files and symlinks that are replaced or removed go to the trash: they may be this host's own. */
  keepsReplaced: boolean
  /** The changes are the staged rows of the ledger, and not repeated here. */
  isSeries: boolean
  /** The changes overtake a changeset: they are as at that sequence, and the position stays. Null: they do not. */
  ahead: number | null
}

/** Whether the changes were asked for. */
export function isAnswer({ position, ahead }: Pick<Intent, 'position' | 'ahead'>): boolean {
  return position === null && ahead === null
}

export function encodeIntent(intent: Intent): string {
  const changes = intent.isSeries ? [] : intent.changes
  return JSON.stringify({ version: VERSION, ...intent, changes })
}

/** @returns null for a record that this version did not write */
export function decodeIntent(body: string): Intent | null {
  const { version, ...intent } = JSON.parse(body) as Omit<Intent, 'ahead' | 'askedMs'> &
    Partial<Intent> & {
      version: unknown
    }
  // Earlier ones of this version overtook nothing, and did not say when they were asked for.
  return version === VERSION ? { ...intent, ahead: intent.ahead ?? null, askedMs: intent.askedMs ?? null } : null
}
