/**
 * The tokens in force: the content of the token file when it could last be understood, without those that have expired.
 * The file is followed, because the command line creates and revokes tokens, and both take effect without a restart. A
 * file that is gone says nothing: it may be about to come back from a backup, and receivers without a token are forgotten.
 */
import type { Logger } from '@rootferry/host/daemon'
import { EXIT, errorMessage, Failure } from '@rootferry/host/machine'
import { FollowedFile } from './followed-file.ts'
import { isExpired, readTokens, type StoredToken, storedTokens } from './tokens.ts'

const EXPIRY_MS = 1_000

export class KnownTokens {
  readonly #file: string
  readonly #log: Logger
  readonly #ended: (token: StoredToken, isReplaced: boolean) => void
  #stored: readonly StoredToken[] = []
  /** Those that were in force when that was last looked at. */
  #inForce: readonly StoredToken[] = []
  #expiry: NodeJS.Timeout | null = null
  readonly #following: FollowedFile

  /** @param ended called for each token that is useless now; `isReplaced`: its name has another one */
  constructor(file: string, log: Logger, ended: (token: StoredToken, isReplaced: boolean) => void) {
    this.#file = file
    this.#log = log
    this.#ended = ended
    this.#following = new FollowedFile(file, log, () => this.read())
  }

  get all(): readonly StoredToken[] {
    return this.#valid()
  }

  /** Tokens that were in force once. */
  get expired(): readonly StoredToken[] {
    const now = new Date()
    return this.#stored.filter((token) => isExpired(token, now))
  }

  /** Reads the file, and follows it from here on. @throws Failure when it cannot be understood */
  open(): void {
    this.#following.open()
    this.#stored = readTokens(this.#file)
    this.#inForce = this.#valid()
    this.#expiry = setInterval(() => this.#apply(), EXPIRY_MS)
  }

  read(): void {
    try {
      const stored = storedTokens(this.#file)
      if (stored === null && this.#stored.length > 0)
        throw new Failure(EXIT.failed, `${this.#file} is missing: put it back, or revoke tokens with 'token revoke'`)
      this.#stored = stored ?? []
      this.#apply()
    } catch (error) {
      this.#log.error({ error: errorMessage(error) }, 'tokens could not be read, the old ones stay in force')
    }
  }

  close(): void {
    this.#following.close()
    if (this.#expiry !== null) clearInterval(this.#expiry)
  }

  #apply(): void {
    const before = this.#inForce
    this.#inForce = this.#valid()
    const left = new Set(this.#inForce.map(({ sha256 }) => sha256))
    for (const token of before) {
      if (left.has(token.sha256)) continue
      const { name } = token
      this.#ended(
        token,
        this.#inForce.some((other) => other.name === name),
      )
      this.#log.info({ token: name }, isExpired(token, new Date()) ? 'token has expired' : 'token was revoked')
    }
  }

  #valid(): readonly StoredToken[] {
    const now = new Date()
    return this.#stored.filter((token) => !isExpired(token, now))
  }
}
