/**
 * Opens a root's index from its state directory, and decides how far the index can be trusted.
 *
 * A damaged index is set aside and begun anew, with a new epoch. The index is checked as a whole after a life that did
 * not end in order, so that damage that is met in the middle of the work ends one life and not all of them. The epoch
 * is also renewed after a loss of power, because the last transactions may be missing although receivers have seen
 * their sequences.
 */
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { bootId, databaseDamage, EXIT, errorMessage, Failure, isDatabaseDamaged } from '@rootferry/host/machine'
import { EntryIndex } from './entry-index.ts'
import { openIndexDatabase } from './index-schema.ts'

export interface OpenedIndex {
  index: EntryIndex
  /** What an operator should know about how the index was opened, or null. */
  remark: string | null
}

/** @param randomId a fresh random id at every call */
export function openRootIndex(stateDir: string, randomId: () => string, nowMs: number): OpenedIndex {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 })
  const file = join(stateDir, 'index.db')
  try {
    return open(file, randomId)
  } catch (error) {
    if (error instanceof Failure) throw error
    if (!isDatabaseDamaged(error))
      throw new Failure(EXIT.failed, `${file} cannot be opened: ${errorMessage(error)}`, { cause: error })
    const aside = `${file}.damaged-${nowMs}`
    renameSync(file, aside)
    for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true })
    return {
      index: open(file, randomId).index,
      remark: `index was damaged (${errorMessage(error)}), set aside as ${aside}`,
    }
  }
}

/** Call it last: without it, a start after a reboot assumes that the machine lost power. */
export function closeRootIndex(index: EntryIndex): void {
  index.memory.setNote('closed', 'yes')
  index.close()
}

function open(file: string, randomId: () => string): OpenedIndex {
  const database = openIndexDatabase(file)
  try {
    const boot = bootId()
    const meta = (name: string) =>
      database.prepare('SELECT value FROM meta WHERE name = ?').get(name)?.['value'] ?? null
    if (meta('closed') === 'no') check(database)
    const lostPower = meta('boot') !== null && meta('boot') !== boot && meta('closed') !== 'yes'
    // On the disk before any other write of this life: if the marks were lost together with it, the index would look
    // closed.
    database.exec('PRAGMA synchronous = FULL')
    const index = new EntryIndex(database, { epoch: randomId(), term: randomId() }, lostPower)
    index.memory.setNote('boot', boot)
    index.memory.setNote('closed', 'no')
    database.exec('PRAGMA synchronous = NORMAL')
    const remark = lostPower ? 'the machine stopped without closing the index: new epoch, receivers compare' : null
    return { index, remark }
  } catch (error) {
    database.close()
    throw error
  }
}

/** Runs after a life that did not end in order, which a damaged page may have ended. */
function check(database: DatabaseSync): void {
  const found = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
  if (found !== 'ok') throw databaseDamage(String(found))
}
