/**
 * fs.watch for code under simulation: it watches one directory as an object, not as a path. As with inotify, a process
 * has one queue, equal events in a row are one event, all waiting events are delivered in one turn, and events that
 * come while the queue is full are dropped without a word.
 */
import { EventEmitter } from 'node:events'
import { enterCall, inodeAt, type PathLike } from './disk-paths.ts'
import { farm, presentProcess } from './farm.ts'
import type { Process } from './scheduler.ts'

type Listener = (kind: 'rename' | 'change', name: string) => void

interface Waiting {
  watcher: EventEmitter
  listener: Listener
  kind: 'rename' | 'change'
  name: string
  isOpen: () => boolean
}

const MOST_DELAY_MS = 4

const queues = new WeakMap<Process, Waiting[]>()

export function watch(path: PathLike, _options: object, listener: Listener): EventEmitter {
  const machine = enterCall('reads', 'watch', path)
  const inode = inodeAt(machine, path, 'watch', true)
  const owner = presentProcess()
  const limit = Number(machine.disk.find('/proc/sys/fs/inotify/max_queued_events')?.content.toString() ?? 16_384)
  const watcher = new EventEmitter()
  let isOpen = true
  const stop = machine.disk.watch(inode, (kind, name) => {
    if (owner === null || owner.isDead) return
    const queue = queueOf(owner)
    const last = queue.at(-1)
    const isRepeated = last?.watcher === watcher && last.kind === kind && last.name === name
    if (!isRepeated && queue.length < limit) queue.push({ watcher, listener, kind, name, isOpen: () => isOpen })
  })
  const close = () => {
    isOpen = false
    stop()
  }
  owner?.atDeath.push(close)
  return Object.assign(watcher, { close })
}

/** Replaces events-read.ts: the events that wait now are delivered. */
export function eventsRead(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const owner = presentProcess()
  const waiting = owner === null ? [] : queueOf(owner)
  farm().scheduler.after(0, owner, () => {
    deliver(waiting)
    resolve()
  })
  return promise
}

function queueOf(owner: Process): Waiting[] {
  const waiting = queues.get(owner) ?? []
  queues.set(owner, waiting)
  if (waiting.length > 0) return waiting
  const { scheduler } = farm()
  scheduler.after(scheduler.soon(MOST_DELAY_MS), owner, () => deliver(waiting))
  return waiting
}

function deliver(waiting: Waiting[]): void {
  for (const { listener, kind, name, isOpen } of waiting.splice(0)) if (isOpen()) listener(kind, name)
}
