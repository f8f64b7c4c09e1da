/**
 * Opens a root's index from its state directory, and decides what can be trusted of it.
 *
 * A damaged index is set aside and begun anew, with a new epoch. It is checked as a whole after a life that did not end
 * in order, so that damage which is met in the middle of the work ends one life and not all of them. So is the epoch after a loss of power: the last
 * transactions may be missing, and receivers may have seen what they said.
 */
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { bootId, databaseDamage, EXIT, errorMessage, Failure, isDatabaseDamaged } from '@rootferry/host/machine'
import { EntryIndex } from './entry-index.ts'
import { openIndexDatabase } from './index-schema.ts'

export interface OpenedIndex {
  index: EntryIndex
  /** What an operator should know of how it was opened, or null. */
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

/** To be called last: without it the next start takes the machine to have lost power, should it have rebooted. */
export function closeRootIndex(index: EntryIndex): void {
  index.setMeta('closed', 'yes')
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
    // On the disk before anything of this life is: lost with it, they would leave an index that looks closed.
    database.exec('PRAGMA synchronous = FULL')
    const index = new EntryIndex(database, { epoch: randomId(), term: randomId() }, lostPower)
    index.setMeta('boot', boot)
    index.setMeta('closed', 'no')
    database.exec('PRAGMA synchronous = NORMAL')
    const remark = lostPower ? 'the machine stopped without closing the index: new epoch, receivers compare' : null
    return { index, remark }
  } catch (error) {
    database.close()
    throw error
  }
}

/** After a life that did not end in order: a damaged page may be what ended it. */
function check(database: DatabaseSync): void {
  const found = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
  if (found !== 'ok') throw databaseDamage(String(found))
}
