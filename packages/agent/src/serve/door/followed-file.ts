/**
 * Follows a file that other processes replace, and reports when it may have changed.
 *
 * The directory is watched, because the file is replaced and not written to. If the kernel grants no watch (its limits
 * apply to all processes of a user together), or takes one away, the file is looked at every LOOK_MS instead.
 */
import { type FSWatcher, statSync, watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import type { Logger } from '@rootferry/host/daemon'
import { errorMessage } from '@rootferry/host/machine'

const LOOK_MS = 1_000

export class FollowedFile {
  readonly #file: string
  readonly #log: Logger
  readonly #changed: () => void
  #watcher: FSWatcher | null = null
  #looks: NodeJS.Timeout | null = null
  #version = ''

  constructor(file: string, log: Logger, changed: () => void) {
    this.#file = file
    this.#log = log
    this.#changed = changed
  }

  /** Follows the file from now on. */
  open(): void {
    try {
      this.#watcher = watch(dirname(this.#file), (_event, name) => {
        if (name === basename(this.#file)) this.#changed()
      })
      this.#watcher.on('error', (error) => this.#lookInstead(error))
    } catch (error) {
      this.#lookInstead(error)
    }
  }

  close(): void {
    this.#watcher?.close()
    if (this.#looks !== null) clearInterval(this.#looks)
  }

  #lookInstead(error: unknown): void {
    this.close()
    this.#log.warn({ file: this.#file, error: errorMessage(error) }, 'a file cannot be watched, looking at it instead')
    this.#version = this.#look()
    this.#looks = setInterval(() => {
      const version = this.#look()
      if (version === this.#version) return
      this.#version = version
      this.#changed()
    }, LOOK_MS)
  }

  /** @returns a different text for a different file, or for different content of the same file */
  #look(): string {
    try {
      const { ino, mtimeMs, size } = statSync(this.#file)
      return `${ino} ${mtimeMs} ${size}`
    } catch (error) {
      // The reader of the file reports what is wrong with it.
      return errorMessage(error)
    }
  }
}
