/**
 * Small files that must be whole whenever they are read: written alongside their place, synced, renamed, synced again.
 */
import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Replaces `path` in one step. @throws the system error; the old file is then as it was */
export function writeDurably(path: string, content: string, mode: number): void {
  const temporary = `${path}.new`
  writeFileSync(temporary, content, { mode, flush: true })
  renameSync(temporary, path)
  syncDirectory(dirname(path))
}

/** Returns when the names in the directory are on its disk. @throws the system error */
export function syncDirectory(path: string): void {
  const directory = openSync(path, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}
