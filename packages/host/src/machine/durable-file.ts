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
  const directory = openSync(dirname(path), 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}
