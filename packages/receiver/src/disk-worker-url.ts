/**
 * The place of the entry of a root's disk thread: the same below the sources and below the bundle. This file lies next
 * to `main.ts`, because a bundle keeps its parts there, whichever file they come from.
 */
import { extname } from 'node:path'

export const DISK_WORKER = new URL(`./disk/disk-worker${extname(import.meta.filename)}`, import.meta.url)
