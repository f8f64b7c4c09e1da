/**
 * A file that exists exactly while all roots are ready, for web servers that can look at a file and ask no probe.
 *
 * What an earlier process left behind goes at the start. A process that is killed cannot remove its file.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Logger } from '@rootferry/host/daemon'
import { makeDirectories, plainMessage } from '@rootferry/host/machine'

const MODE = 0o644
const DIRECTORY_MODE = 0o755

export class ReadyFile {
  readonly #path: string | null
  readonly #log: Logger
  /** null: it is not known. */
  #exists: boolean | null = null
  #fault: string | null = null

  /** @param path null: there is no such file */
  constructor(path: string | null, log: Logger) {
    this.#path = path
    this.#log = log
  }

  show(isReady: boolean): void {
    if (this.#path === null || this.#exists === isReady) return
    try {
      if (isReady) {
        // The umask of this process is 0: a directory that others may write would let them decide.
        makeDirectories(dirname(this.#path), DIRECTORY_MODE)
        writeFileSync(this.#path, '', { mode: MODE })
      } else rmSync(this.#path, { force: true })
      this.#exists = isReady
      this.#fault = null
    } catch (error) {
      const fault = plainMessage(error)
      if (fault !== this.#fault) this.#log.error({ file: this.#path, error: fault }, 'health.readyFile cannot be kept')
      this.#fault = fault
    }
  }
}
