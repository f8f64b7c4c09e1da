/**
 * The tokens in force: the content of the token file when it could last be understood. The file is followed, because
 * the command line creates and revokes tokens, and both take effect without a restart.
 */
import type { Logger } from '@rootferry/host/daemon'
import { errorMessage } from '@rootferry/host/machine'
import { FollowedFile } from './followed-file.ts'
import { readTokens, type StoredToken } from './tokens.ts'

export class KnownTokens {
  readonly #file: string
  readonly #log: Logger
  readonly #revoked: (name: string) => void
  #tokens: readonly StoredToken[] = []
  readonly #following: FollowedFile

  /** @param revoked called for each token that is gone */
  constructor(file: string, log: Logger, revoked: (name: string) => void) {
    this.#file = file
    this.#log = log
    this.#revoked = revoked
    this.#following = new FollowedFile(file, log, () => this.read())
  }

  get all(): readonly StoredToken[] {
    return this.#tokens
  }

  /** The tokens of receivers. */
  get receivers(): StoredToken[] {
    return this.#tokens.filter(({ admin }) => !admin)
  }

  /** Reads the file, and follows it from here on. @throws Failure when it cannot be understood */
  open(): void {
    this.#following.open()
    this.#tokens = readTokens(this.#file)
  }

  read(): void {
    try {
      const before = this.#tokens
      this.#tokens = readTokens(this.#file)
      const left = new Set(this.#tokens.map(({ sha256 }) => sha256))
      for (const { name, sha256 } of before) {
        if (left.has(sha256)) continue
        this.#revoked(name)
        this.#log.info({ token: name }, 'token was revoked')
      }
    } catch (error) {
      this.#log.error({ error: errorMessage(error) }, 'tokens could not be read, the old ones stay in force')
    }
  }

  close(): void {
    this.#following.close()
  }
}
