/**
 * Where the entry of a root's disk thread lies: at the same place below the sources and below the bundle. Beside
 * `main.ts`, because a bundle keeps its parts there, whichever file they come from.
 */
import { extname } from 'node:path'

export const DISK_WORKER = new URL(`./disk/disk-worker${extname(import.meta.filename)}`, import.meta.url)
