/**
 * The volumes (filesystems that are mounted below the target) that are known, and those of them that are not mounted:
 * nothing is written on their bare mount points, which a volume that comes back would cover.
 *
 *   mounted ─ goes, and its directory stays ─▶ missing ─ comes back ─▶ to be compared ─▶ mounted
 *      └───── goes with its directory ───────────────────────────────▶ to be compared, as a part of the target
 *
 * A volume that turns up at a place that was filled before, or another volume at a known place, is to be compared too:
 * what it holds is not what was committed there.
 * INVARIANT: a known volume is forgotten only when its mount point is gone, too. The answers are those of the last
 * `refresh`. RACE: a volume that is unmounted between a `refresh` and a call can be missed for that one burst.
 */
import { type Border, borderId } from '@rootferry/host/machine'
import { isWithin } from '@rootferry/protocol'
import { keepsBirth, wereBornApart } from './birth.ts'

/** Is mounted when something needs it, and goes when nothing does. */
const ON_DEMAND = 'autofs'

export interface KnownVolumesParts {
  borders: {
    refresh(): boolean
    readonly all: Iterable<Border>
    has(path: string): boolean
    isAtOrBelow(path: string): boolean
    above(path: string): Border | null
  }
  row: { volumes: VolumeRecord | null }
  bootId: string
  /** Whether a directory is at the path. */
  isDirectory(path: string): boolean
  /** When it was made, in milliseconds since 1970; null: it is not known. */
  birthAt(path: string): number | null
}

export interface VolumeRecord {
  /**
   * Identities of the volumes by their paths; their devices, which are others after a reboot, null: any; and when their top
   * directories were made, if that is known.
   */
  known: Record<string, [id: string, device: string | null, birth?: number | null]>
  boot: string
  /** Paths that are to be compared. */
  due: string[]
}

export class KnownVolumes {
  readonly #parts: KnownVolumesParts
  #isFollowed = false
  #missing: string[] = []
  /** Of this record, when somebody last asked for news. */
  #told = ''

  constructor(parts: KnownVolumesParts) {
    this.#parts = parts
  }

  /** Paths of volumes that were there, and are not mounted. */
  get missing(): readonly string[] {
    return this.#missing
  }

  /** Paths that are to be compared, because their volume is another one, or is back. */
  get due(): readonly string[] {
    return (this.#parts.row.volumes?.due ?? []).filter((path) => this.missingAbove(path) === null)
  }

  /** They were compared. */
  compared(paths: readonly string[]): void {
    const { row } = this.#parts
    if (row.volumes === null) return
    row.volumes = { ...row.volumes, due: row.volumes.due.filter((path) => !paths.includes(path)) }
  }

  /** @param isOurs whether a path concerns this target at all. @throws the system error */
  refresh(isOurs: (path: string) => boolean): void {
    const { borders, row, bootId, isDirectory, birthAt } = this.#parts
    const isChanged = borders.refresh()
    const before = row.volumes
    if (this.#isFollowed && !isChanged && this.#missing.length === 0 && before !== null) return
    // When the record cannot be written, the next look finds the same.
    this.#isFollowed = false
    const present = [...borders.all].filter(({ path, isItself }) => isOurs(path) && !isItself)
    const look = { isDirectory: (path: string) => isOurs(path) && isDirectory(path), birthAt }
    const { record, missing } = followVolumes(before, present, bootId, look)
    this.#missing = missing
    if (JSON.stringify(record) !== JSON.stringify(before)) row.volumes = record
    this.#isFollowed = true
  }

  /** Whether a volume went, came, or was compared, since this was last asked. */
  hasNews(): boolean {
    const text = JSON.stringify([this.#missing, this.due])
    if (text === this.#told) return false
    this.#told = text
    return true
  }

  /** The missing volume on which the path lies; null: none. */
  missingAbove(path: string): string | null {
    if (this.#missing.length === 0) return null
    return this.#missing.find((volume) => isWithin(path, volume)) ?? null
  }

  has(path: string): boolean {
    return this.#parts.borders.has(path) || this.#missing.includes(path)
  }

  isAtOrBelow(path: string): boolean {
    return this.#parts.borders.isAtOrBelow(path) || this.#missing.some((volume) => isWithin(volume, path))
  }

  above(path: string): { path: string } | null {
    const missing = this.missingAbove(path)
    return missing === null ? this.#parts.borders.above(path) : { path: missing }
  }

  get all(): Iterable<{ path: string }> {
    return this.#parts.borders.all
  }
}

/** @param before null: no volume was ever looked for, so that none is missing, and none is new */
export function followVolumes(
  before: VolumeRecord | null,
  present: readonly Border[],
  boot: string,
  { isDirectory, birthAt }: Pick<KnownVolumesParts, 'isDirectory' | 'birthAt'>,
): { record: VolumeRecord; missing: string[] } {
  const known: VolumeRecord['known'] = {}
  const due = new Set(before?.due)
  const mounted = new Map(present.map((border) => [border.path, border]))
  const missing: string[] = []
  for (const [path, id] of Object.entries(before?.known ?? {}).sort(([one], [other]) => (one < other ? -1 : 1))) {
    if (mounted.has(path)) continue
    // On a volume that is missing nothing can be said to be gone.
    const isBelow = missing.some((volume) => isWithin(path, volume))
    if (!isBelow && !isDirectory(path)) {
      due.add(path)
      continue
    }
    known[path] = id
    due.add(path)
    if (!isBelow) missing.push(path)
  }
  for (const [path, border] of mounted) {
    const knownAs = before?.known[path]
    const isOnDemand = border.type === ON_DEMAND
    const id = isOnDemand ? (knownAs?.[0] ?? borderId(border)) : borderId(border)
    const wasOnDemand = knownAs?.[1] === null
    const birth = keepsBirth(border.type) ? birthAt(path) : null
    known[path] = [id, isOnDemand || wasOnDemand ? null : border.device, birth]
    const isSameDevice = isOnDemand || wasOnDemand || before?.boot !== boot || knownAs?.[1] === border.device
    const isOther = knownAs?.[0] !== id || !isSameDevice || wereBornApart(knownAs[2], birth)
    if (before !== null && isOther) due.add(path)
  }
  return { record: { known, boot, due: [...due] }, missing }
}
