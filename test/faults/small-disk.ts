/** A target on a filesystem of its own that can become full, where mounting is permitted. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, statfsSync } from 'node:fs'

const ROOMY_BYTES = 256 * 1024 * 1024
const PAGE_BYTES = 4_096

export class SmallDisk implements Disposable {
  readonly #at: string

  private constructor(at: string) {
    this.#at = at
  }

  /** Makes a directory and mounts the filesystem there. @returns null where that is not permitted */
  static at(path: string): SmallDisk | null {
    mkdirSync(path, { recursive: true })
    const words = ['-t', 'tmpfs', '-o', `size=${ROOMY_BYTES}`, 'tmpfs', path]
    return spawnSync('mount', words).status === 0 ? new SmallDisk(path) : null
  }

  /** Leaves no room beyond the present content and one page. */
  fill(): void {
    const { blocks, bfree, bsize } = statfsSync(this.#at)
    this.#resize((blocks - bfree) * bsize + PAGE_BYTES)
  }

  empty(): void {
    this.#resize(ROOMY_BYTES)
  }

  [Symbol.dispose](): void {
    spawnSync('umount', ['-l', this.#at])
  }

  /** Something may have been written since the size was read: then the filesystem keeps its size. */
  #resize(bytes: number): void {
    spawnSync('mount', ['-o', `remount,size=${bytes}`, this.#at])
  }
}
