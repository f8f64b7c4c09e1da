/**
 * How exactly each filesystem keeps the times that are set: most to the nanosecond, ext3 and ext4 with small inodes to the
 * second, FAT to two. Without this, everything on such a filesystem would differ from the agent's list for ever.
 */
import { closeSync, constants, openSync } from 'node:fs'
import { removeTree } from '@rootferry/host/machine'
import { sameMtime } from '@rootferry/protocol'
import { readObject, setAttributes } from './attributes.ts'
import type { DiskObject } from './disk-object.ts'
import { LEAVE } from './staged-change.ts'

/** Microseconds. */
const GRAINS = [10, 100, 1_000, 10_000, 100_000, 1_000_000, 2_000_000]
const TWO_SECONDS = 2_000_000
const PROBE = tellingTime(1_000_000_000_000_000)
const NEW_FILE = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW
const NEW_MODE = 0o600

export class TimeGrains {
  /** By device: those that do not keep every microsecond. */
  readonly #coarse = new Map<number, number>()

  /** Whether the object has that time, as far as its filesystem can keep it. */
  isSame(found: DiskObject, wanted: number): boolean {
    if (sameMtime(found.mtime, wanted)) return true
    const grain = this.#coarse.get(found.device ?? Number.NaN)
    return grain !== undefined && found.mtime % grain === 0 && Math.abs(found.mtime - wanted) < grain
  }

  /**
   * A time was set there. When the filesystem has not kept it, and it was not known that it would not, the object gets one
   * for a moment that tells how much is kept: a time close to a whole second looks as if tenths were.
   * @throws the system error
   */
  learn(location: string, kind: 'file' | 'directory' | 'symlink', wrote: number): void {
    const read = readObject(location)
    if (read === null || this.isSame(read, wrote)) return
    const telling = tellingTime(wrote)
    setTime(location, kind, telling)
    this.#judge(telling, readObject(location))
    setTime(location, kind, wrote)
  }

  /** The time was set, and this is what became of it. */
  #judge(wrote: number, read: DiskObject | null): void {
    if (read?.device === undefined || this.isSame(read, wrote)) return
    const grain = GRAINS.find((one) => read.mtime % one === 0 && Math.abs(read.mtime - wrote) < one)
    if (grain !== undefined) this.#coarse.set(read.device, Math.max(grain, this.#coarse.get(read.device) ?? 0))
  }

  /** @param directory a private one. @throws the system error */
  probe(directory: string): void {
    const probe = `${directory}/time-probe`
    removeTree(probe)
    closeSync(openSync(probe, NEW_FILE, NEW_MODE))
    try {
      setTime(probe, 'file', PROBE)
      this.#judge(PROBE, readObject(probe))
    } finally {
      removeTree(probe)
    }
  }
}

/** The last microsecond of an odd second, less than two seconds away. */
function tellingTime(time: number): number {
  return Math.floor(time / TWO_SECONDS) * TWO_SECONDS + TWO_SECONDS - 1
}

function setTime(location: string, kind: 'file' | 'directory' | 'symlink', mtime: number): void {
  setAttributes(location, kind, { mode: null, uid: LEAVE, gid: LEAVE, mtime })
}
