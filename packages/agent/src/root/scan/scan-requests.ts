/** What others ask of the scans: to look at a path again, now or later. None of it waits for the look. */
import type { Hint } from '../watch/watcher.ts'
import type { ReadFault } from './content-reader.ts'

export interface ScanRequests {
  hint(hint: Hint): void
  /** Something else was sent of a file than its row says: receivers are not told of it before a scan has looked. */
  doubt(path: string): void
  /** The bytes of a file could not be had; `fault` says when there is a chance. */
  retry(path: string, fault: ReadFault['fault'], message: string): void
  /** Same size, other times, and too large to be read by a scan: only its bytes can tell, in the background. */
  readSuspect(path: string): void
}
