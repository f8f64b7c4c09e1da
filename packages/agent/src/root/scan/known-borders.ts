/**
 * The filesystems that are known to be mounted below a root, and which of them are missing.
 *
 * Entries across a border are served like all others. But when a border vanishes (the filesystem was unmounted, or is
 * not mounted yet after a boot), the entries behind it are not deleted: their storage is away. The root then halts as
 * if it were away itself, until the filesystem is back or an operator accepts that it is gone.
 * INVARIANT: a border is forgotten by `accept`, or by a scan before which it was gone and which found nothing behind it:
 * one that goes amid a scan has entries behind it that are in no index yet.
 */
import { type Border, borderId } from '@rootferry/host/machine'
import { troubleOf } from './trouble.ts'

export interface KnownBordersParts {
  borders: { refresh(): boolean; readonly all: Iterable<Border> }
  /** The borders that an earlier life of the agent recorded; null: none yet. */
  remembered: string | null
  remember(text: string): void
  /** Whether the index has entries below a path. */
  holdsEntries(path: string): boolean
}

type KnownBorder = Pick<Border, 'path' | 'part' | 'type'>

export class KnownBorders {
  readonly #parts: KnownBordersParts
  #known: Map<string, KnownBorder>
  #isAwaited = false

  constructor(parts: KnownBordersParts) {
    this.#parts = parts
    const remembered: unknown = parts.remembered === null ? [] : JSON.parse(parts.remembered)
    const entries = Array.isArray(remembered) ? remembered.filter(isKnownBorder) : []
    this.#known = new Map(entries.map((border) => [borderId(border), border]))
  }

  /**
   * Why no entry may be taken for deleted now, or null. Reads the present mounts, which are known from now on.
   * @throws the system error
   */
  missing(): string | null {
    const { borders, holdsEntries } = this.#parts
    borders.refresh()
    // At once: the first scan may have found what is behind one that is gone when it ends.
    const present = new Map([...borders.all].map((border) => [borderId(border), border]))
    if ([...present.keys()].some((id) => !this.#known.has(id)))
      this.#know([...this.#known.values(), ...present.values()])
    for (const [id, { path, type }] of this.#known) {
      if (present.has(id) || !holdsEntries(path)) continue
      this.#isAwaited = true
      return `${path}: the filesystem (${type}) that was mounted there is missing`
    }
    return null
  }

  /** Those that the last look did not find. */
  get gone(): ReadonlySet<string> {
    const present = new Set([...this.#parts.borders.all].map(borderId))
    return new Set([...this.#known.keys()].filter((id) => !present.has(id)))
  }

  /** A scan is over that began when these were gone. */
  forget(gone: ReadonlySet<string>): void {
    if (gone.size === 0) return
    const still = this.gone
    const isKept = ([id, { path }]: [string, KnownBorder]) =>
      !gone.has(id) || !still.has(id) || this.#parts.holdsEntries(path)
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

  /** Whether a missing filesystem is mounted again; true once. */
  isBack(): boolean {
    if (!this.#isAwaited || this.missing() !== null) return false
    this.#isAwaited = false
    return true
  }

  /** An operator has accepted that the filesystems stay away which the last look found missing. */
  accept(): void {
    this.#know([...this.#parts.borders.all])
  }

  #know(borders: readonly KnownBorder[]): void {
    const before = JSON.stringify([...this.#known.keys()])
    this.#known = new Map(borders.map(({ path, part, type }) => [borderId({ path, part, type }), { path, part, type }]))
    const isOther = JSON.stringify([...this.#known.keys()]) !== before
    if (isOther) this.#parts.remember(JSON.stringify([...this.#known.values()]))
  }
}

function isKnownBorder(value: unknown): value is KnownBorder {
  if (typeof value !== 'object' || value === null) return false
  return ['path', 'part', 'type'].every((key) => typeof Reflect.get(value, key) === 'string')
}
