/**
 * The code that a thread has compiled is kept for its next start, in the directory that NODE_COMPILE_CACHE names. Node does
 * that when a thread ends by itself, so one that is killed, or loses power, would start cold again.
 */
import { flushCompileCache } from 'node:module'

/** By then a thread has begun to work, and has loaded what it needs for that. */
const AFTER_MS = 5_000

/** Called once in each thread that lasts. Without that directory nothing is kept. */
export function keepCompiledCode(): void {
  setTimeout(flushCompileCache, AFTER_MS).unref()
}
