/** The requests of other parts to the scans: to look at a path again, now or later. No caller waits for the look. */
import type { Hint } from '../watch/watcher.ts'
import type { ReadFault } from './content-reader.ts'

export interface ScanRequests {
  hint(hint: Hint): void
  /** Other content than the file's row was sent: the row proves nothing until a scan has looked. */
  doubt(path: string): void
  /** The bytes of a file could not be read; `fault` says when another attempt may succeed. */
  retry(path: string, fault: ReadFault['fault'], message: string): void
  /** Same size, other times, and too large for a scan to read: the bytes are compared in the background. */
  readSuspect(path: string): void
}
