/**
 * The changes of the docroot: random operations on a small pool of names, so that they meet. Remembers every state that
 * each path ever had, with which an oracle compares targets.
 */

import { createHash } from 'node:crypto'
import type { Disk } from './disk.ts'
import {
  chmodSync,
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from './disk-calls.ts'
import { OPEN } from './disk-paths.ts'
import { SOURCE } from './places.ts'
import type { Chance } from './random.ts'
import { ABSENT, type Look, treeOf } from './tree-look.ts'

const NAMES = ['a', 'b', 'c.php', 'd', 'e', 'x.log', 'keep'] as const
const MODES = [0o644, 0o600, 0o755, 0o700, 0o444]
const BEYOND_INLINE = 70_000
/** A large file that stays, and has a changeset of its own. */
const ARCHIVE = 'archive'
const LEAST_ARCHIVE = 31_000
/** In slices; the smaller ones share a changeset with what was done at the same time. */
const LEAST_UPLOAD = 23_600
const MORE_UPLOAD = [5_000, 60_000]
const SMALL = 1_500
const WEIGHTS = {
  write: 8,
  rewrite: 4,
  save: 4,
  append: 3,
  edit: 3,
  chmod: 2,
  touch: 2,
  mkdir: 4,
  remove: 4,
  symlink: 2,
  rename: 5,
  swap: 1,
  copy: 2,
  sneak: 2,
  link: 1,
} as const
type Deed = keyof typeof WEIGHTS
const DEEDS = Object.entries(WEIGHTS).flatMap(([deed, weight]) => Array<Deed>(weight).fill(deed as Deed))

export class Workload {
  readonly #chance: Chance
  readonly #disk: Disk
  readonly #place: () => string
  /** By path: every state it was seen in, in order. */
  readonly #history = new Map<string, Look[]>()
  #present = new Map<string, Look>()
  #contents = 0
  #uploaded = ''

  /** @param place returns the present path of the docroot */
  constructor(disk: Disk, chance: Chance, place: () => string) {
    this.#place = place
    this.#chance = chance
    this.#disk = disk
    disk.makePath(SOURCE)
    this.#remember()
  }

  /** States of a path, oldest first; never changed since. */
  history(path: string): readonly Look[] {
    return this.#history.get(path) ?? [ABSENT]
  }

  /** Whether a file of this content ever was at the path. */
  hadContent(path: string, digest: string): boolean {
    return this.history(path).some((look) => look.digest === digest && look.outside.startsWith('file'))
  }

  /** @returns what was done, for people */
  step(): string {
    const deed = this.#chance.pick(DEEDS)
    const path = this.#path()
    const did = this.#do(deed, path)
    if (did) this.#remember()
    return `${deed} ${path}${did ? '' : ' (nothing to do)'}`
  }

  /** A file that takes long to send. @returns what was done, for people */
  upload(): string {
    const path = this.#path()
    const at = `${SOURCE}/${path}`
    const isPlace = this.#kind(path) === null && (this.#hasParents(path) || this.#canMakeParents(path))
    if (!isPlace) return `upload ${path} (nothing to do)`
    mkdirSync(at.slice(0, at.lastIndexOf('/')), { recursive: true })
    writeFileSync(at, contentOf(++this.#contents, LEAST_UPLOAD + this.#chance.below(this.#chance.pick(MORE_UPLOAD))))
    this.#remember()
    this.#uploaded = path
    return `upload ${path}`
  }

  /**
   * A large file grows, or comes once more: it must be read before it is known what of it is sent. Nobody else has its
   * place. @returns what was done, for people
   */
  archive(chance: Chance): string {
    const [at, copy] = [`${SOURCE}/${ARCHIVE}`, `${SOURCE}/${ARCHIVE}.2`]
    const isThere = this.#kind(ARCHIVE) === 'file'
    if (!isThere) writeFileSync(at, contentOf(++this.#contents, LEAST_ARCHIVE + chance.below(LEAST_ARCHIVE)))
    else if (chance.oneIn(3)) writeFileSync(copy, readFileSync(at))
    else this.#append(at)
    this.#remember()
    return isThere ? 'the archive grows, or is copied' : 'the archive comes'
  }

  /** Somebody saves a small file in the place of the last upload. @returns what was done, for people */
  meddle(): string {
    if (this.#kind(this.#uploaded) !== 'file') return 'meddle (nothing to do)'
    writeFileSync(`${SOURCE}/${this.#uploaded}`, contentOf(++this.#contents, this.#chance.below(SMALL)))
    this.#remember()
    return `meddle ${this.#uploaded}`
  }

  #do(deed: Deed, path: string): boolean {
    const at = `${SOURCE}/${path}`
    const kind = this.#kind(path)
    if (!this.#hasParents(path)) {
      if (deed !== 'write' && deed !== 'mkdir') return false
      if (!this.#canMakeParents(path)) return false
    }
    switch (deed) {
      case 'write':
        return kind !== 'directory' && kind !== 'symlink' && this.#write(at)
      case 'rewrite':
        return kind === 'file' && this.#write(at)
      case 'save':
        if (kind === 'directory') return false
        this.#write(`${at}~`)
        renameSync(`${at}~`, at)
        return true
      case 'append':
        return kind === 'file' && this.#append(at)
      case 'edit':
        return kind === 'file' && this.#edit(at)
      case 'chmod':
        if (kind !== 'file' && kind !== 'directory') return false
        chmodSync(at, this.#chance.pick(MODES) | (kind === 'directory' ? 0o700 : 0))
        return true
      case 'touch':
        if (kind !== 'file' && kind !== 'directory') return false
        utimesSync(at, 0, this.#chance.below(2_000_000_000) + this.#chance.below(1_000_000) / 1e6)
        return true
      case 'mkdir':
        if (kind !== null) return false
        mkdirSync(at, { recursive: true })
        return true
      case 'remove':
        if (kind === null) return false
        rmSync(at, { recursive: true })
        return true
      case 'symlink':
        if (kind !== null) return false
        symlinkSync(this.#chance.pick(['a', '../b', '/etc', 'nowhere', '.']), at)
        return true
      case 'sneak':
        return kind === 'file' && this.#sneak(at)
      default:
        return this.#relocate(deed, path)
    }
  }

  #relocate(deed: 'rename' | 'swap' | 'copy' | 'link', path: string): boolean {
    const other = this.#path()
    const [from, to] = [`${SOURCE}/${path}`, `${SOURCE}/${other}`]
    const isNested = to === from || to.startsWith(`${from}/`) || from.startsWith(`${to}/`)
    const kind = this.#kind(path)
    if (isNested || kind === null || !this.#hasParents(other)) return false
    const there = this.#kind(other)
    if (deed === 'swap') {
      if (there === null) return false
      renameSync(from, `${from}~`)
      renameSync(to, from)
      renameSync(`${from}~`, to)
    } else if (deed === 'rename') {
      rmSync(to, { recursive: true, force: true })
      renameSync(from, to)
    } else if (there !== null || kind !== 'file') return false
    else if (deed === 'link') linkSync(from, to)
    else this.#copy(from, to)
    return true
  }

  #write(at: string): true {
    mkdirSync(at.slice(0, at.lastIndexOf('/')), { recursive: true })
    writeFileSync(at, this.#content())
    return true
  }

  #append(at: string): true {
    const descriptor = openSync(at, OPEN.O_WRONLY)
    const size = lstatSync(at)?.size ?? 0
    writeSync(descriptor, this.#content().subarray(0, 500), 0, undefined, size)
    closeSync(descriptor)
    return true
  }

  /** Changes a few bytes within a file: most of a large file stays. */
  #edit(at: string): boolean {
    const size = lstatSync(at)?.size ?? 0
    if (size === 0) return false
    const descriptor = openSync(at, OPEN.O_WRONLY)
    writeSync(descriptor, Buffer.from(`edit ${this.#contents++}`), 0, undefined, this.#chance.below(size))
    closeSync(descriptor)
    return true
  }

  /** Other content with the same size and mtime. */
  #sneak(at: string): boolean {
    const before = lstatSync(at)
    if (before === undefined || before.size === 0) return false
    writeFileSync(at, Buffer.alloc(before.size, `sneaked ${this.#contents++} `))
    utimesSync(at, 0, before.mtimeMs / 1000)
    return true
  }

  #copy(from: string, to: string): void {
    const before = lstatSync(from)
    writeFileSync(to, readFileSync(from))
    if (before !== undefined) utimesSync(to, 0, before.mtimeMs / 1000)
  }

  #content(): Buffer {
    const sort = this.#chance.below(20)
    const size = sort === 0 ? 0 : sort < 14 ? this.#chance.below(1_500) : this.#chance.below(14_000)
    const bytes = sort >= 18 ? this.#chance.below(BEYOND_INLINE) : size
    // Now and then the content of another file: such content need not travel twice.
    this.#contents += this.#chance.oneIn(5) ? 0 : 1
    return contentOf(this.#contents, bytes)
  }

  #path(): string {
    return Array.from({ length: 1 + this.#chance.below(3) }, () => this.#chance.pick(NAMES)).join('/')
  }

  /** The number of what is at a path; null: nothing is there. */
  inode(path: string): number | null {
    return this.#disk.find(`${this.#place()}/${path}`)?.number ?? null
  }

  #kind(path: string): string | null {
    return this.#disk.find(`${SOURCE}/${path}`)?.kind ?? null
  }

  #hasParents(path: string): boolean {
    const slash = path.lastIndexOf('/')
    return slash < 0 || this.#kind(path.slice(0, slash)) === 'directory'
  }

  #canMakeParents(path: string): boolean {
    for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
      const kind = this.#kind(path.slice(0, slash))
      if (kind !== null && kind !== 'directory') return false
    }
    return true
  }

  /** Another program has changed the docroot. */
  noteChange(): void {
    this.#remember()
  }

  #remember(): void {
    const top = this.#disk.reach(this.#place())
    if (top === null) return
    const found = treeOf(top, () => false)
    for (const [path, look] of found) {
      const before = this.#present.get(path)
      if (before?.outside !== look.outside || before.digest !== look.digest) this.#add(path, look)
    }
    for (const path of this.#present.keys()) if (!found.has(path)) this.#add(path, ABSENT)
    this.#present = found
  }

  #add(path: string, look: Look): void {
    const known = this.#history.get(path)
    if (known === undefined) this.#history.set(path, [ABSENT, look])
    else known.push(look)
  }
}

export function contentOf(number: number, bytes: number): Buffer {
  return createHash('shake256', { outputLength: bytes }).update(`content ${number}`).digest()
}
