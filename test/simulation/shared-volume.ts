/**
 * A volume that is mounted below the source and below the targets at once, as uploads often are, and the oracle for it:
 * what programs write there is never lost by what receivers do (G6), whether the volume is mounted everywhere or not.
 *
 * The machines share the objects, and their clocks agree. Not promised, and so not judged: a file that was written a
 * moment before the call that replaces it. What was removed may come back.
 */
import { mkdirSync, renameSync, rmSync, writeFileSync } from './disk-calls.ts'
import type { Inode } from './inode.ts'
import type { Machine } from './machine.ts'
import { SHARED, SHARED_DEVICE, TARGET } from './places.ts'
import type { Chance } from './random.ts'
import { Violation } from './violation.ts'

const NAMES = ['1.jpg', '2.jpg', '3.jpg', 'sub/1.jpg', 'sub/2.jpg']
const AT = `${TARGET}/${SHARED}`
/** The look of a burst at a file, and its call, are less than this apart. */
const MOMENT_MS = 100
/** A burst that had begun when the volume went. */
const BURST_MS = 2_000

interface Written {
  content: string
  atMs: number
}

interface Mounted {
  machine: Machine
  isMounted: boolean
  sinceMs: number
  /** What is visible while the volume is not mounted. */
  bare: Inode
  /** Other mounts, in the form of proc_pid_mountinfo(5). */
  others: string
}

export class SharedVolume {
  readonly chance: Chance
  readonly #now: () => number
  readonly #top: Inode
  readonly #mounts = new Map<string, Mounted>()
  readonly #expected = new Map<string, Written>()
  #writes = 0
  /** A receiver has changed something there since the last look. */
  isTouched = false

  constructor(chance: Chance, source: Machine, now: () => number) {
    this.chance = chance
    this.#now = now
    this.#top = source.disk.make('directory', 0o755, SHARED_DEVICE)
    this.add(source)
  }

  /** Mounts it on another machine. */
  add(machine: Machine): void {
    const { disk } = machine
    const bare = disk.makePath(AT)
    disk.put(MOUNTS, disk.find(MOUNTS) === null ? '' : textAt(machine))
    const mounted: Mounted = { machine, isMounted: false, sinceMs: 0, bare, others: textAt(machine) }
    this.#mounts.set(machine.name, mounted)
    // It is no file that a loss of power could empty.
    disk.syncAll()
    this.mount(machine.name)
  }

  /** Machines on which programs can write to it now. */
  get writable(): string[] {
    return [...this.#mounts].filter(([, { isMounted }]) => isMounted).map(([name]) => name)
  }

  /**
   * A receiver puts something on its place. @throws Violation when the receiver knows the volume, and it is not mounted
   */
  placed({ name }: Machine, path: string, knowsIt: () => boolean): void {
    const mounted = this.#mounts.get(name)
    if (mounted === undefined || mounted.isMounted || this.#now() < mounted.sinceMs + BURST_MS || !knowsIt()) return
    throw new Violation('G6', `${name} writes ${path}, where the shared volume will cover it`)
  }

  get isMountedEverywhere(): boolean {
    return [...this.#mounts.values()].every(({ isMounted }) => isMounted)
  }

  mount(name: string): void {
    this.#set(name, true)
  }

  /** It goes away on some machine, or comes back. @returns what was done, for people */
  remount(): string {
    const name = this.chance.pick([...this.#mounts.keys()])
    const isMounted = this.#mounts.get(name)?.isMounted === true
    this.#set(name, !isMounted)
    return `the shared volume is ${isMounted ? 'not ' : ''}mounted on ${name}`
  }

  mountEverywhere(): void {
    for (const name of this.#mounts.keys()) this.mount(name)
  }

  /** No call of a process: the directory around it keeps its times, and nobody is notified. */
  #set(name: string, isMounted: boolean): void {
    const mounted = this.#mounts.get(name)
    if (mounted === undefined || mounted.isMounted === isMounted) return
    mounted.isMounted = isMounted
    mounted.sinceMs = this.#now()
    const { machine, bare, others } = mounted
    const root = machine.disk.find(TARGET)
    const list = machine.disk.find(MOUNTS)
    if (root === null || list === null) throw new Error(`${name} has no root, or no list of mounts`)
    const [goes, comes] = isMounted ? [bare, this.#top] : [this.#top, bare]
    const at = goes.places.findIndex(({ directory }) => directory === root)
    if (at >= 0) goes.places.splice(at, 1)
    root.entries.set(SHARED, comes)
    comes.places.push({ directory: root, name: SHARED })
    const line = `40 21 0:${SHARED_DEVICE} / ${AT} rw - nfs4 nas:/media rw\n`
    list.content = new Uint8Array(Buffer.from(`${others}${isMounted ? line : ''}`))
  }

  /** A program on the present machine, where it is mounted, writes, saves or removes something. @returns what was done */
  write(): string {
    const { chance } = this
    const name = chance.pick(NAMES)
    const path = `${AT}/${name}`
    const isThere = this.#expected.has(name)
    if (isThere && chance.oneIn(4)) {
      rmSync(path, { force: true })
      this.#expected.delete(name)
      return `${SHARED}/${name} goes`
    }
    this.#writes += 1
    const content = `upload ${this.#writes} ${'x'.repeat(chance.below(60))}`
    mkdirSync(`${AT}/sub`, { recursive: true })
    if (chance.oneIn(2)) writeFileSync(path, content)
    else {
      writeFileSync(`${path}~`, content)
      renameSync(`${path}~`, path)
    }
    this.#expected.set(name, { content, atMs: this.#now() })
    return `${SHARED}/${name} is upload ${this.#writes}`
  }

  /** @throws Violation */
  judge(): void {
    this.isTouched = false
    for (const [name, { content, atMs }] of this.#expected) {
      const there = this.#contentAt(name)
      if (there === content) continue
      const isMoment = this.#now() - atMs < MOMENT_MS
      if (!isMoment) throw new Violation('G6', `of the shared volume '${content}' is lost: ${name} is ${told(there)}`)
      this.#expected.delete(name)
    }
  }

  #contentAt(name: string): string | null {
    let at: Inode | undefined = this.#top
    for (const part of name.split('/')) at = at?.entries.get(part)
    return at?.kind === 'file' ? Buffer.from(at.content).toString() : null
  }
}

const MOUNTS = '/proc/self/mountinfo'

function told(content: string | null): string {
  return content === null ? 'not there' : `'${content}'`
}

function textAt(machine: Machine): string {
  const inode = machine.disk.find(MOUNTS)
  return inode === null ? '' : Buffer.from(inode.content).toString()
}

/** Whether a path of a root lies on it. */
export function isShared(path: string): boolean {
  return path === SHARED || path.startsWith(`${SHARED}/`)
}
