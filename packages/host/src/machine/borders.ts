/**
 * The borders below a root: directories in which another filesystem, or another mount of the same one, begins.
 *
 * Borders are read from the kernel's list of mounts, because a bind mount has the device number of the filesystem that
 * it comes from. A path across a border belongs to other storage: it must never be moved, removed or purged as part of
 * a directory above it, and its errors are its own.
 * INVARIANT: the answers are those of the last `refresh`. RACE: when a mount is made between a `refresh` and a call,
 * the kernel protects the mount point itself (EBUSY), but its content can still be moved along with a directory above
 * it.
 */
import { isWithin, joinPath, parentPath, ROOT_PATH } from '@rootferry/protocol'
import { type Mount, parseMounts, readMounts } from './mounts.ts'

export interface Border extends Omit<Mount, 'place'> {
  /** Below the root, never the root itself. */
  path: string
  /** The directory that is there anyway is mounted onto itself, for example to make it read-only. */
  isItself: boolean
}

export class Borders {
  readonly #rootPath: string
  readonly #list: () => string
  #text = ''
  #borders = new Map<string, Border>()

  /**
   * @param rootPath absolute path of the root, symlinks resolved
   * @param list the kernel's list of mounts, in the form of proc_pid_mountinfo(5)
   */
  constructor(rootPath: string, list: () => string = readMounts) {
    this.#rootPath = rootPath
    this.#list = list
    this.refresh()
  }

  /** Reads the list again. @returns whether the borders have changed. @throws the system error */
  refresh(): boolean {
    const text = this.#list()
    if (text === this.#text) return false
    this.#text = text
    const before = [...this.#borders.values()].map(borderId).sort().join()
    this.#borders = new Map(bordersBelow(this.#rootPath, text).map((border) => [border.path, border]))
    return [...this.#borders.values()].map(borderId).sort().join() !== before
  }

  get all(): Iterable<Border> {
    return this.#borders.values()
  }

  /** Whether a border is at this very path. */
  has(path: string): boolean {
    return this.#borders.has(path)
  }

  /** Whether there is a border at the path or below it. */
  isAtOrBelow(path: string): boolean {
    if (this.#borders.size === 0) return false
    for (const border of this.#borders.keys()) if (isWithin(border, path)) return true
    return false
  }

  /**
   * The border that the path lies across, which may be at the path itself; null when the path is on the root's own
   * mount.
   */
  above(path: string): Border | null {
    if (this.#borders.size === 0) return null
    for (let at = path; at !== ROOT_PATH; at = parentPath(at)) {
      const border = this.#borders.get(at)
      if (border !== undefined) return border
    }
    return null
  }
}

/** The mount that a path lies on, or would if it were made: that of `/` when nothing nearer is mounted. */
export function mountOf(path: string, text: string = readMounts()): Pick<Mount, 'place' | 'type'> {
  let nearest: Pick<Mount, 'place' | 'type'> = { place: '/', type: '' }
  for (const mount of parseMounts(text)) {
    const { place } = mount
    const isOn = path === place || place === '/' || path.startsWith(`${place}/`)
    // When several mounts are at one place, the last one is visible.
    if (isOn && place.length >= nearest.place.length) nearest = mount
  }
  return nearest
}

/** Identifies a border, also across a reboot, when device numbers may change. */
export function borderId({ path, part, type }: Pick<Border, 'path' | 'part' | 'type'>): string {
  return JSON.stringify([path, part, type])
}

/** When several mounts are at one place, the last one is visible. */
export function bordersBelow(rootPath: string, text: string): Border[] {
  const below = rootPath === '/' ? '/' : `${rootPath}/`
  const found = new Map<string, Border>()
  const mounts = parseMounts(text)
  for (const [position, { place, ...mount }] of mounts.entries()) {
    if (!place.startsWith(below)) continue
    const path = place.slice(below.length).split('/').reduce(joinPath, ROOT_PATH)
    const { device, part } = under(mounts.slice(0, position), place)
    found.set(path, { path, ...mount, isItself: device === mount.device && part === mount.part })
  }
  return [...found.values()]
}

/** Which part of which filesystem is at a place, by the mounts that were made before. */
function under(mounts: readonly Mount[], place: string): { device: string; part: string } {
  let nearest: Mount | null = null
  for (const mount of mounts) {
    const isAbove = mount.place === '/' || place === mount.place || place.startsWith(`${mount.place}/`)
    if (isAbove && mount.place.length >= (nearest?.place.length ?? 0)) nearest = mount
  }
  if (nearest === null) return { device: '', part: '' }
  const rest = place.slice(nearest.place === '/' ? 0 : nearest.place.length)
  return { device: nearest.device, part: `${nearest.part === '/' ? '' : nearest.part}${rest}` || '/' }
}
