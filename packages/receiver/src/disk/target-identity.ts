/**
 * Which directory the position in the ledger belongs to, whether the configured path leads there, and whether it was emptied.
 *
 *   missing, unmounted, covered by another mount   refused: nothing written here would be seen when it is back
 *   another directory, emptied                     begun anew
 *
 * The top directories of two filesystems have one and the same number: they are told apart by their time of birth.
 * INVARIANT: nothing is made at a path that is known, before it is certain that it is the directory that is known. An
 * empty target counts as emptied only when it held something: to a host that protects much, a replay may bring only what
 * is protected for a long time, and would begin anew with each connection.
 */

import { existsSync, realpathSync, type Stats } from 'node:fs'
import { EXIT, Failure, mountOf } from '@rootferry/host/machine'
import { birthOf, keepsBirth, wereBornApart } from './files/birth.ts'
import { knownTarget, type Ledger } from './ledger/ledger.ts'
import type { LedgerLog } from './ledger/ledger-file.ts'

interface TargetIdentity {
  inode: string
  /** Milliseconds since 1970; null or absent: the filesystem does not keep it. */
  born?: number | null
  /** As configured. */
  path: string
  /** The mount point of its filesystem. */
  mount: string
  /** Whether it held anything but what is protected since it was begun with; absent: that is not known, and assumed. */
  isFilled?: boolean
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

/**
 * @param status of the directory. @throws Failure when the path leads to another filesystem than the one that is known
 */
export function checkIdentity(
  ledger: Ledger,
  path: string,
  status: Pick<Stats, 'ino' | 'birthtimeMs' | 'ctimeMs'>,
  log: LedgerLog,
): void {
  const { place: mount, type } = mountOf(realpathSync(path))
  const present = { inode: String(status.ino), born: keepsBirth(type) ? birthOf(status) : null, path, mount }
  const { rootIdentity, followed } = ledger
  const known = parseIdentity(rootIdentity)
  const isOther = known !== null && followed !== null && isAnother(known, present)
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
  const isFilled = !isOther && (known?.isFilled ?? followed !== null)
  const text = JSON.stringify({ ...present, isFilled } satisfies TargetIdentity)
  if (text !== rootIdentity) ledger.setRootIdentity(text)
}

function isAnother(known: Partial<TargetIdentity>, present: TargetIdentity): boolean {
  if (known.inode !== present.inode) return true
  return wereBornApart(known.born, present.born)
}

const ANEW = 'remove the state directory of this root to begin anew with what is there'

function refuseUnmounted(path: string, mount: string): void {
  if (mount === '/' || mountOf(mount).place === mount) return
  const message = `${path}: the filesystem that was mounted at ${mount} is not mounted: mount it, or ${ANEW}`
  throw new Failure(EXIT.failed, message)
}

/** Whether the target held anything, so that an empty one was emptied. Made once its identity was checked. */
export class TargetFill {
  readonly #ledger: Ledger
  readonly #isEmpty: () => boolean
  #isFilled: boolean

  constructor(ledger: Ledger, isEmpty: () => boolean) {
    this.#ledger = ledger
    this.#isEmpty = isEmpty
    this.#isFilled = parseIdentity(ledger.rootIdentity)?.isFilled !== false
  }

  /** Called when something has become visible, before that is recorded. @throws the error of a disk in trouble */
  note(): void {
    if (this.#isFilled || this.#isEmpty()) return
    this.#record(true)
    this.#isFilled = true
  }

  /**
   * Forgets the position of a target that was emptied. Takes effect in this process even when it throws because it could
   * not be written down.
   */
  doubt(log: LedgerLog): void {
    if (!this.#isEmpty() || this.#ledger.position === null || !this.#isFilled) return
    log('warn', 'the target was emptied', {})
    this.#isFilled = false
    this.#ledger.forgetTarget()
    this.#record(false)
  }

  #record(isFilled: boolean): void {
    this.#ledger.setRootIdentity(JSON.stringify({ ...parseIdentity(this.#ledger.rootIdentity), isFilled }))
  }
}
