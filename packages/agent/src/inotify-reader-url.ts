/**
 * The place of the entry of the thread that reads watch events.
 * This file lies next to `main.ts`, because a bundle has all its files in one directory.
 */
import { extname } from 'node:path'

const isBundle = extname(import.meta.filename) !== '.ts'

export const INOTIFY_READER = new URL(
  isBundle ? './inotify-reader-worker.js' : './root/watch/inotify-reader-worker.ts',
  import.meta.url,
)
