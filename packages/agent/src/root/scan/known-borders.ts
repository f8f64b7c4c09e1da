/**
 * The filesystems that are known to be mounted below a root, and which of them are missing.
 *
 * Entries across a border are served like all others. But when a border vanishes (the filesystem was unmounted, or is
 * not mounted yet after a boot), the entries behind it are not deleted: their storage is away. The root then halts as
 * if it were away itself, until the filesystem is back or an operator accepts that it is gone. The same holds when another
 * filesystem is mounted in its place, or over entries of the root: when the top directory is another one, and nothing of
 * what the index has there is there. A filesystem in memory is rightly empty after a boot, and one that is mounted on
 * demand may be away: a look at what is in it brings it back.
 * INVARIANT: a border is forgotten when an operator accepts that it is gone, or by a scan before which it was gone and
 * which found nothing behind it: one that goes amid a scan has entries behind it that are in no index yet, and one that
 * goes after an acceptance was not seen by the operator.
 */
import { type Border, borderId } from '@rootferry/host/machine'
import type { BehindBorders } from './behind-borders.ts'
import { troubleOf } from './trouble.ts'

export interface KnownBordersParts {
  borders: { refresh(): boolean; readonly all: Iterable<Border> }
  /** The borders that an earlier life of the agent recorded; null: none yet. */
  remembered: string | null
  remember(text: string): void
  behind: Pick<BehindBorders, 'indexed' | 'topOf' | 'showsAny'>
  bootId: string
  /** Whether what is mounted at a path concerns this root at all. */
  concerns(path: string): boolean
}

interface KnownBorder extends Pick<Border, 'path' | 'part' | 'type'> {
  /** The top directory in which something of the index was seen, and the boot of the machine; null: none yet. */
  top: string | null
  boot: string | null
}

/** Mounts another filesystem at its place when something looks there. */
const TRIGGER = 'autofs'
const IN_MEMORY = new Set(['tmpfs', 'ramfs'])
const UNSEEN = { top: null, boot: null }

export class KnownBorders {
  readonly #parts: KnownBordersParts
  #known: Map<string, KnownBorder>
  #isAwaited = false
  /** Those that were there when watching began, and have stayed, each with its device. */
  #watched: ReadonlySet<string>
  /** Places where something is mounted on demand. */
  readonly #onDemand = new Set<string>()

  constructor(parts: KnownBordersParts) {
    this.#parts = parts
    const remembered: unknown = parts.remembered === null ? [] : JSON.parse(parts.remembered)
    const entries = Array.isArray(remembered)
      ? remembered.filter(isKnownBorder).filter(({ type }) => type !== TRIGGER)
      : []
    this.#known = new Map(entries.map((border) => [borderId(border), { ...UNSEEN, ...border }]))
    this.#watched = new Set(this.#watchable())
  }

  /**
   * Why no entry may be taken for deleted now, or null. Reads the present mounts, which are known from now on.
   * @throws the system error
   */
  missing(): string | null {
    const { borders } = this.#parts
    borders.refresh()
    // At once: the first scan may have found what is behind one that is gone when it ends.
    const present = new Map(this.#mounted().map((border) => [borderId(border), border]))
    if ([...present.keys()].some((id) => !this.#known.has(id)))
      this.#know([...[...present.values()].map(unseen), ...this.#known.values()])
    for (const [id, known] of this.#known) {
      const border = present.get(id)
      if (border === undefined ? !this.#isMissed(known) : this.#isSame(id, known, border.path)) continue
      if (this.#at(known.path)?.type === TRIGGER) continue
      this.#isAwaited = true
      const { path, type } = known
      return border === undefined
        ? `${path}: the filesystem (${type}) that was mounted there is missing`
        : `${path}: another filesystem (${type}) is mounted there, and nothing of what was there is on it`
    }
    return null
  }

  /** Those that the last look did not find. */
  get gone(): ReadonlySet<string> {
    const present = new Set(this.#mounted().map(borderId))
    return new Set([...this.#known.keys()].filter((id) => !present.has(id)))
  }

  /** A scan is over that began when these were gone. */
  forget(gone: ReadonlySet<string>): void {
    if (gone.size === 0) return
    const still = this.gone
    const isKept = ([id, known]: [string, KnownBorder]) => !gone.has(id) || !still.has(id) || this.#isMissed(known)
    this.#know([...this.#known].filter(isKept).map(([, border]) => border))
  }

  /** The same; 'unknown' while this process cannot read the mounts, for lack of descriptors or memory. */
  look(): 'all there' | 'unknown' | { missing: string } {
    try {
      const missing = this.missing()
      return missing === null ? 'all there' : { missing }
    } catch (error) {
      if (troubleOf(error) === null) throw error
      return 'unknown'
    }
  }

  /** The filesystems that are mounted now. @throws the system error */
  get present(): Iterable<Border> {
    this.#parts.borders.refresh()
    return this.#parts.borders.all
  }

  /** Whether a scan of the whole tree is due: a filesystem went (asked with `mayGo` only), or is back (true once). */
  changed(mayGo: boolean): boolean {
    return (mayGo && this.missing() !== null) || this.isBack()
  }

  /**
   * Whether a filesystem is mounted that was not there when watching began, or was away since: the kernel reports neither
   * that, nor what changes in it to those that watch what it covers. Call it after a look.
   */
  get isUnwatched(): boolean {
    const present = new Set(this.#watchable())
    if (present.difference(this.#watched).size > 0) return true
    this.#watched = present
    return false
  }

  /** What is mounted on demand comes and goes too often to begin anew each time. */
  #watchable(): string[] {
    for (const { path, type } of this.#parts.borders.all) if (type === TRIGGER) this.#onDemand.add(path)
    const others = this.#mounted().filter(({ path }) => !this.#onDemand.has(path) && this.#parts.concerns(path))
    return others.map((border) => `${borderId(border)} ${border.device}`)
  }

  /** Whether a missing filesystem is mounted again; true once. */
  isBack(): boolean {
    if (!this.#isAwaited || this.missing() !== null) return false
    this.#isAwaited = false
    return true
  }

  /** An operator has accepted the filesystems that are mounted now: those that are missing stay away. */
  accept(): void {
    this.look()
    const { behind, bootId } = this.#parts
    this.#know(this.#mounted().map((border) => ({ ...unseen(border), top: behind.topOf(border.path), boot: bootId })))
  }

  #mounted(): Border[] {
    return [...this.#parts.borders.all].filter(({ type }) => type !== TRIGGER)
  }

  /** Whether the index has something behind a border that is gone. A file may be replaced by another one. */
  #isMissed({ path }: KnownBorder): boolean {
    const indexed = this.#parts.behind.indexed(path)
    return indexed === 'entries' || (indexed === 'file' && this.#at(path) === undefined)
  }

  #at(path: string): Border | undefined {
    return [...this.#parts.borders.all].find((border) => border.path === path)
  }

  /** Whether what is mounted there can be the filesystem behind which the index has entries, which is noted. */
  #isSame(id: string, known: KnownBorder, path: string): boolean {
    const { behind, bootId } = this.#parts
    if (behind.indexed(path) !== 'entries') return true
    const top = behind.topOf(path)
    // What does not answer loses nothing.
    if (top === null || top === known.top) return true
    const isEmptyByRight = IN_MEMORY.has(known.type) && known.boot !== null && known.boot !== bootId
    if (!isEmptyByRight && !behind.showsAny(path)) return false
    const seen = { ...known, top, boot: bootId }
    this.#know([...this.#known].map(([other, border]) => (other === id ? seen : border)))
    return true
  }

  #know(borders: readonly KnownBorder[]): void {
    const before = JSON.stringify([...this.#known.values()])
    this.#known = new Map(borders.map((border) => [borderId(border), border]))
    const text = JSON.stringify([...this.#known.values()])
    if (text !== before) this.#parts.remember(text)
  }
}

function unseen({ path, part, type }: Border): KnownBorder {
  return { path, part, type, ...UNSEEN }
}

/** An earlier version noted only where which filesystem was mounted. */
function isKnownBorder(value: unknown): value is Omit<KnownBorder, keyof typeof UNSEEN> & Partial<KnownBorder> {
  if (typeof value !== 'object' || value === null) return false
  return ['path', 'part', 'type'].every((key) => typeof Reflect.get(value, key) === 'string')
}
