/**
 * The place of the entry of a root's thread.
 * This file lies next to `main.ts`, because a bundle has all its files in one directory.
 */
import { extname } from 'node:path'

const isBundle = extname(import.meta.filename) !== '.ts'

export const ROOT_WORKER = new URL(isBundle ? './root-worker.js' : './root/root-worker.ts', import.meta.url)
