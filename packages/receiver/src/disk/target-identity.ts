/**
 * Which directory the position in the ledger belongs to, and whether the configured path leads there.
 *
 *   missing, unmounted, covered by another mount   refused: nothing written here would be seen when it is back
 *   another directory, emptied                     begun anew
 *
 * INVARIANT: nothing is made at a path that is known, before it is certain that it is the directory that is known.
 */

import { existsSync, realpathSync } from 'node:fs'
import { EXIT, Failure, mountPointOf } from '@rootferry/host/machine'
import { knownTarget, type Ledger } from './ledger/ledger.ts'
import type { LedgerLog } from './ledger/ledger-file.ts'

interface TargetIdentity {
  inode: string
  /** As configured. */
  path: string
  /** The mount point of its filesystem. */
  mount: string
}

/** Earlier versions recorded the inode alone, and so nothing that could be refused. */
function parseIdentity(text: string | null): Partial<TargetIdentity> | null {
  if (text === null) return null
  return text.startsWith('{') ? (JSON.parse(text) as TargetIdentity) : { inode: text }
}

/**
 * Called while nothing is at the path. @throws Failure when a target is known there
 */
export function refuseMissing(path: string, stateDir: string, log: LedgerLog): void {
  const known = existsSync(stateDir) ? parseIdentity(knownTarget(stateDir, log)) : null
  if (known?.path !== path) return
  if (known.mount !== undefined) refuseUnmounted(path, known.mount)
  const remedy = 'put it back, or make an empty directory there to begin anew'
  throw new Failure(EXIT.failed, `${path}: the target is missing, and was there before: ${remedy}`)
}

/** @throws Failure when the path leads to another filesystem than the one that is known */
export function checkIdentity(ledger: Ledger, path: string, inode: number, log: LedgerLog): void {
  const present: TargetIdentity = { inode: String(inode), path, mount: mountPointOf(realpathSync(path)) }
  const { rootIdentity, followed } = ledger
  const known = parseIdentity(rootIdentity)
  const isOther = known !== null && known.inode !== present.inode && followed !== null
  if (isOther && known.path === path && known.mount !== undefined && known.mount !== present.mount) {
    refuseUnmounted(path, known.mount)
    throw new Failure(
      EXIT.failed,
      `${path}: another filesystem, which is mounted at ${present.mount}, covers the target: unmount it, or ${ANEW}`,
    )
  }
  if (isOther) {
    log('warn', 'the target is another directory than before', {})
    // First of all: a process that ends in between must not leave the position to another directory.
    ledger.forgetTarget()
  }
  const text = JSON.stringify(present)
  if (text !== rootIdentity) ledger.setRootIdentity(text)
}

const ANEW = 'remove the state directory of this root to begin anew with what is there'

function refuseUnmounted(path: string, mount: string): void {
  if (mount === '/' || mountPointOf(mount) === mount) return
  const message = `${path}: the filesystem that was mounted at ${mount} is not mounted: mount it, or ${ANEW}`
  throw new Failure(EXIT.failed, message)
}

/** An index begins with the root's own entry: up to there an empty target is as it should be. */
const ROOT_SEQUENCE = 1

export function doubtEmptied(ledger: Ledger, isEmpty: boolean, log: LedgerLog): void {
  if (!isEmpty || ledger.position === null || ledger.position.sequence <= ROOT_SEQUENCE) return
  log('warn', 'the target was emptied', {})
  ledger.forgetTarget()
}
