/**
 * Threads that work for a daemon, and a spare one that loads its code before anybody knows what it is to do: a program
 * that needs a thread in any case begins it first, so that the two load side by side.
 *
 * A thread's data is its `workerData`; that of a spare one is null, and its data is the first message. Loads nothing, for
 * a program that loads this first.
 */
import { Worker } from 'node:worker_threads'

/**
 * Enough for the garbage of one batch; V8's default would let the young space grow to several times that and keep it.
 */
const YOUNG_MEGABYTES = 16

let spare: { entry: string; worker: Worker } | null = null

/** Called once. A thread that is not taken keeps no process alive. */
export function loadAhead(entry: URL, name: string): void {
  const worker = newThread(entry, name, null)
  worker.unref()
  spare = { entry: entry.href, worker }
}

/** @param data is cloned */
export function startThread(entry: URL, name: string, data: object): Worker {
  if (spare?.entry !== entry.href) return newThread(entry, name, data)
  const { worker } = spare
  spare = null
  worker.ref()
  worker.postMessage(data)
  return worker
}

function newThread(entry: URL, name: string, data: object | null): Worker {
  const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MEGABYTES }
  return new Worker(entry, { workerData: data, name, resourceLimits })
}
