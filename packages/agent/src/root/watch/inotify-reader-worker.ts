/**
 * Entry of the thread that reads a root's watch events, so that the kernel's queue is emptied while the root's thread
 * is busy. It hands the events on and knows nothing of their meaning.
 *
 * The first event after a rest is handed on at once. While events keep coming, they are collected for some
 * milliseconds, because a message costs more than an event. The bytes that the root's thread has not taken yet are
 * bounded: beyond that nothing is read, the kernel's queue fills, and the kernel reports the overflow.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { libcCalls } from '@rootferry/host/machine/system-calls'
import { CLOSING, type ReaderData, WAITING_BYTES } from './inotify-reader.ts'

/** How long the end of the thread may take when nothing wakes it. */
const LOOK_MS = 500
const COLLECT_MS = 4
const MOST_WAITING_BYTES = 16 * 1024 * 1024

if (parentPort === null) throw new Error('inotify-reader-worker runs as a worker thread')
const { descriptor, control } = workerData as ReaderData
const { calls, fault } = libcCalls()
if (calls?.watches == null) throw new Error(fault ?? 'libc has no watches')

let lastReadMs = 0
while (Atomics.load(control, CLOSING) === 0) {
  const waiting = Atomics.load(control, WAITING_BYTES)
  if (waiting > MOST_WAITING_BYTES) {
    Atomics.wait(control, WAITING_BYTES, waiting, LOOK_MS)
    continue
  }
  if (!calls.watches.wait(descriptor, LOOK_MS)) continue
  if (performance.now() - lastReadMs < COLLECT_MS) Atomics.wait(control, CLOSING, 0, COLLECT_MS)
  const events = calls.watches.read(descriptor)
  lastReadMs = performance.now()
  if (events.byteLength === 0) continue
  Atomics.add(control, WAITING_BYTES, events.byteLength)
  parentPort.postMessage(events, [events.buffer])
}
