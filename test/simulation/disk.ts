/**
 * A machine's disk in memory: objects, names, times, and what survives a loss of power.
 *
 *   call (disk-calls.ts) ─▶ attach | detach | change | write ─▶ undo log, observer, watches
 *
 * After a loss of power, names and attributes are as they were at some moment since the last sync of anything, as with
 * a journal that is written in order; bytes that no sync has reached may be gone. Knows neither processes nor errors.
 */
import { type Attributes, Inode, type Kind } from './inode.ts'
import { SHARED_DEVICE } from './places.ts'
import type { Chance } from './random.ts'

export type DiskChange = 'attach' | 'detach' | 'attributes' | 'content'

export interface DiskOptions {
  /** Wall clock of the machine, milliseconds. */
  clock: () => number
  /** Times are truncated to this many milliseconds, as in kernels. */
  tickMs: number
  /** Numbers of freed objects are reused at once. */
  reusesNumbers: boolean
  /** Whether unsynced changes can be lost. */
  isVolatile: boolean
  /** Numbers of objects that this machine makes on a shared volume begin here. */
  sharedNumbersFrom: number
}

export type WatchListener = (kind: 'rename' | 'change', name: string) => void

const DIRECTORY_MODE = 0o755

export class Disk {
  readonly root: Inode
  /** Called before each change; throws to forbid it. */
  observe: (change: DiskChange, inode: Inode, directory: Inode | null, name: string) => void = () => undefined
  readonly #options: DiskOptions
  readonly #watches = new Map<Inode, Set<WatchListener>>()
  readonly #unsynced = new Set<Inode>()
  readonly #freeNumbers: number[] = []
  /** One list for each call, newest last, of the functions that undo it, newest last. */
  readonly #undo: (() => void)[][] = []
  #numbers = 1
  #sharedNumbers: number

  constructor(options: DiskOptions) {
    this.#options = options
    this.#sharedNumbers = options.sharedNumbersFrom
    this.root = this.make('directory', DIRECTORY_MODE, 1)
    for (const path of ['/proc/sys/kernel/random', '/proc/sys/fs/inotify', '/etc', '/tmp']) this.makePath(path)
  }

  get time(): number {
    const { clock, tickMs } = this.#options
    return Math.floor(clock() / tickMs) * tickMs
  }

  /** A call begins: its changes are lost as a whole or not at all. */
  begin(): void {
    if (this.#options.isVolatile) this.#undo.push([])
  }

  make(kind: Kind, mode: number, device: number): Inode {
    const { time } = this
    const number = device === SHARED_DEVICE ? this.#sharedNumbers++ : this.#nextNumber()
    return new Inode(number, kind, device, { mode, uid: 0, gid: 0, mtimeMs: time, ctimeMs: time })
  }

  #nextNumber(): number {
    const reused = this.#options.reusesNumbers ? this.#freeNumbers.pop() : undefined
    return reused ?? this.#numbers++
  }

  /** Makes directories from outside of any process. */
  makePath(path: string, device?: number): Inode {
    let at = this.root
    for (const name of path.split('/').filter((part) => part !== '')) {
      let next = at.entries.get(name)
      if (next === undefined) {
        next = this.make('directory', DIRECTORY_MODE, device ?? at.device)
        this.attach(at, name, next)
      }
      at = next
    }
    return at
  }

  /** Writes a small file from outside of any process. */
  put(path: string, text: string): void {
    const at = path.lastIndexOf('/')
    const directory = this.makePath(path.slice(0, at))
    const name = path.slice(at + 1)
    const file = directory.entries.get(name) ?? this.make('file', 0o644, directory.device)
    if (!directory.entries.has(name)) this.attach(directory, name, file)
    this.write(file, Buffer.from(text))
  }

  /** The object at a path without symlinks, or null. */
  find(path: string): Inode | null {
    let at: Inode | undefined = this.root
    for (const name of path.split('/').filter((part) => part !== '')) at = at?.entries.get(name)
    return at ?? null
  }

  /** The same, when the path itself may be a symlink to an absolute path. */
  reach(path: string): Inode | null {
    const inode = this.find(path)
    return inode?.kind === 'symlink' ? this.reach(inode.target) : inode
  }

  attach(directory: Inode, name: string, inode: Inode): void {
    this.observe('attach', inode, directory, name)
    const place = { directory, name }
    directory.entries.set(name, inode)
    inode.places.push(place)
    this.#undoes(directory, () => {
      directory.entries.delete(name)
      inode.places.splice(inode.places.indexOf(place), 1)
    })
    this.#touch(directory, inode)
    this.#notify(directory, 'rename', name)
  }

  detach(directory: Inode, name: string): Inode {
    const inode = directory.entries.get(name)
    if (inode === undefined) throw new Error(`nothing to detach at ${name}`)
    this.observe('detach', inode, directory, name)
    const at = inode.places.findIndex((place) => place.directory === directory && place.name === name)
    const [place] = inode.places.splice(at, 1)
    directory.entries.delete(name)
    this.#undoes(directory, () => {
      directory.entries.set(name, inode)
      if (place !== undefined) inode.places.push(place)
    })
    this.#touch(directory, inode)
    this.#notify(directory, 'rename', name)
    return inode
  }

  /** No process holds it any more. */
  free(inode: Inode): void {
    if (inode.device === SHARED_DEVICE) return
    if (this.#options.reusesNumbers && !this.#freeNumbers.includes(inode.number)) this.#freeNumbers.push(inode.number)
  }

  change(inode: Inode, change: Partial<Attributes>): void {
    this.observe('attributes', inode, null, '')
    this.#set(inode, { ...change, ctimeMs: this.time })
    this.#notifyAt(inode, inode.kind === 'directory' ? 'rename' : 'change')
  }

  /** The new content belongs to this disk from now on. */
  write(inode: Inode, content: Uint8Array<ArrayBuffer>): void {
    this.observe('content', inode, null, '')
    const before = inode.content
    inode.content = content
    if (this.#options.isVolatile && inode.device !== SHARED_DEVICE) this.#unsynced.add(inode)
    this.#undoes(inode, () => {
      inode.content = before
    })
    this.#set(inode, { mtimeMs: this.time, ctimeMs: this.time })
    this.#notifyAt(inode, 'change')
  }

  sync(inode: Inode): void {
    this.#undo.length = 0
    this.#unsynced.delete(inode)
  }

  syncAll(): void {
    this.#undo.length = 0
    this.#unsynced.clear()
  }

  losePower(chance: Chance): void {
    for (let lost = chance.below(this.#undo.length + 1); lost > 0; lost -= 1) {
      for (const undo of this.#undo.pop()?.reverse() ?? []) undo()
    }
    for (const inode of this.#unsynced) {
      if (chance.oneIn(2)) inode.content = new Uint8Array(0)
    }
    this.#undo.length = 0
    this.#unsynced.clear()
    this.#watches.clear()
  }

  /** @returns a function that ends the watch */
  watch(directory: Inode, listener: WatchListener): () => void {
    const listeners = this.#watches.get(directory) ?? new Set()
    this.#watches.set(directory, listeners)
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  #touch(directory: Inode, inode: Inode): void {
    const { time } = this
    this.#set(directory, { mtimeMs: time, ctimeMs: time })
    this.#set(inode, { ctimeMs: time })
  }

  #set(inode: Inode, change: Partial<Attributes>): void {
    const before = inode.attributes
    inode.attributes = { ...before, ...change }
    this.#undoes(inode, () => {
      inode.attributes = before
    })
  }

  #notifyAt(inode: Inode, kind: 'rename' | 'change'): void {
    for (const { directory, name } of inode.places) this.#notify(directory, kind, name)
    if (inode.kind === 'directory') this.#notify(inode, 'rename', '.')
  }

  #notify(directory: Inode, kind: 'rename' | 'change', name: string): void {
    for (const listener of this.#watches.get(directory) ?? []) listener(kind, name)
  }

  /** What is on a shared volume is stored elsewhere. */
  #undoes({ device }: Inode, undo: () => void): void {
    if (device !== SHARED_DEVICE) this.#undo.at(-1)?.push(undo)
  }
}
