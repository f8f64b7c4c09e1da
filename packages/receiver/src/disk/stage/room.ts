/**
 * How much more may be staged: the free space of the filesystem, less a reserve that stays free for everybody else on
 * this host. A file that does not fit is a problem of its path, with numbers, and the disk is never filled to the end.
 */
import { realpathSync, statfsSync } from 'node:fs'
import { printable } from '@rootferry/host/machine'
import { isSystemError } from '../files/disk-errors.ts'

/** The free space is too small for a file. */
export interface LackOfRoom {
  code: 'ENOSPC' | 'EDQUOT'
  message: string
}

/** Another filesystem than that on which files are staged. */
export interface OtherVolume {
  /** Where it is mounted in the target. */
  border: string
  /** Any directory of it. */
  directory(): string
}

export class Room {
  readonly #directory: () => string
  readonly #minFreePercent: number
  /** Files that did not fit, by path, with the bytes that they need. */
  readonly #needs = new Map<string, number>()

  /** Files that did not fit on another filesystem. */
  readonly #needsThere = new Map<string, { bytes: number; volume: OtherVolume }>()

  /** Those of them that a comparison left out: what is there may be this host's own. */
  readonly #leftOut = new Set<string>()

  /** @param directory where files are staged; any directory of that filesystem will do */
  constructor(directory: () => string, minFreePercent: number) {
    this.#directory = directory
    this.#minFreePercent = minFreePercent
  }

  /** Why so many more bytes of a file may not be staged now, or null. @throws the system error */
  lackFor(path: string, bytes: number): LackOfRoom | null {
    const lack = this.#lackIn(this.#directory(), bytes, '')
    if (lack === null) this.#needs.delete(path)
    else this.#needs.set(path, bytes)
    return lack
  }

  /** The same for a file that is staged, and is to be copied to another filesystem. */
  lackOn(volume: OtherVolume, path: string, bytes: number): LackOfRoom | null {
    const lack = this.#lackIn(volume.directory(), bytes, ` on what is mounted at ${printable(volume.border)}`)
    if (lack === null) this.#needsThere.delete(path)
    else this.#needsThere.set(path, { bytes, volume })
    return lack
  }

  #lackIn(directory: string, bytes: number, where: string): LackOfRoom | null {
    const { bavail, blocks, bsize, files, ffree } = statfsSync(directory)
    if (files > 0 && ffree === 0) return { code: 'ENOSPC', message: `needs an inode${where}, none of ${files} is free` }
    const [free, reserve] = [bavail * bsize, Math.floor((blocks * bsize * this.#minFreePercent) / 100)]
    // Some filesystems do not say how large they are.
    if (blocks === 0 || bytes <= Math.max(0, free - reserve)) return null
    const kept = `${megabytes(reserve)} (${this.#minFreePercent} %) are kept free`
    return { code: 'ENOSPC', message: `needs ${megabytes(bytes)}${where}, ${megabytes(free)} are free, ${kept}` }
  }

  /** There was none for a file of unknown size, or for something without content. */
  wasLacking(path: string): void {
    if (!this.#needs.has(path)) this.#needs.set(path, 0)
  }

  /** For people: which filesystem is meant, and how much of it is free. */
  get filesystem(): string {
    const directory = this.#directory()
    const { bavail, blocks, bsize, files, ffree } = statfsSync(directory)
    const inodes = files > 0 && ffree === 0 ? `, and no inode of ${files}` : ''
    // Staging inside the root is known by its descriptor.
    return `the filesystem of ${realpathSync(directory)} has ${megabytes(bavail * bsize)} free of ${megabytes(blocks * bsize)}${inodes}`
  }

  /** Whether so many more bytes would go into the reserve. @throws the system error */
  isTight(bytes: number): boolean {
    const { bavail, blocks, bsize } = statfsSync(this.#directory())
    return bytes > bavail * bsize - (blocks * bsize * this.#minFreePercent) / 100
  }

  /** Whether it was for want of room that the path did not get its content, and what is there came from the agent. */
  isShortFor(path: string): boolean {
    return this.#needs.has(path) && !this.#leftOut.has(path)
  }

  /** Of these paths all but the unfit ones got their content, or are owed for another reason. */
  committed(unfit: readonly { path: string }[], isComparison: boolean, paths: readonly string[]): void {
    if (this.#leftOut.size > 0) for (const path of paths) if (!this.#needs.has(path)) this.#leftOut.delete(path)
    if (isComparison) for (const { path } of unfit) this.#leftOut.add(path)
  }

  /** Whether it is of use to ask for the path again: it never lacked room, or there is enough now. */
  mayFit(path: string): boolean {
    if (!this.#mayFitThere(path)) return false
    const bytes = this.#needs.get(path)
    return bytes === undefined || this.lackFor(path, bytes) === null
  }

  #mayFitThere(path: string): boolean {
    const needs = this.#needsThere.get(path)
    if (needs === undefined) return true
    try {
      return this.lackOn(needs.volume, path, needs.bytes) === null
    } catch (error) {
      // The next attempt tells what is wrong there.
      if (!isSystemError(error)) throw error
      return true
    }
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
