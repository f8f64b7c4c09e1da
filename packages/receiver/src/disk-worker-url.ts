/**
 * The place of the entry of a root's disk thread.
 * This file lies next to `main.ts`, because a bundle has all its files in one directory.
 */
import { extname } from 'node:path'

const isBundle = extname(import.meta.filename) !== '.ts'

export const DISK_WORKER = new URL(isBundle ? './disk-worker.js' : './disk/disk-worker.ts', import.meta.url)
