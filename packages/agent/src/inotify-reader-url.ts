/**
 * The place of the entry of the thread that reads watch events: the same below the sources and below the bundle, for the
 * reason that root-worker-url.ts gives.
 */
import { extname } from 'node:path'

export const INOTIFY_READER = new URL(
  `./root/watch/inotify-reader-worker${extname(import.meta.filename)}`,
  import.meta.url,
)
