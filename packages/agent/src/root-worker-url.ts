/**
 * The place of the entry of a root's thread: the same below the sources and below the bundle. This file lies next to
 * `main.ts`, because a bundle keeps its parts there, whichever file they come from.
 */
import { extname } from 'node:path'

export const ROOT_WORKER = new URL(`./root/root-worker${extname(import.meta.filename)}`, import.meta.url)
