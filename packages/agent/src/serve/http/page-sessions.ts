/**
 * The sessions of the operator page, and the links that begin one without typing a token. In memory: a restart of the
 * agent ends all of them.
 *
 * INVARIANT: a session has exactly the rights that its token has at this moment, and ends with that token. A link works
 * once.
 */
import { randomBytes } from 'node:crypto'
import type { StoredToken } from '../door/tokens.ts'

export const LINK_SECONDS = 300
const IDLE_MS = 12 * 3_600_000
/** The session that was idle for longest makes room. */
const MOST_SESSIONS = 200
const MOST_LINKS = 50

export interface PageSessionsParts {
  /** The token with that hash, as long as it is in force. */
  inForce(sha256: string): StoredToken | null
  /** A monotonic clock, in milliseconds. */
  now(): number
}

interface Session {
  sha256: string
  usedMs: number
}

export class PageSessions {
  readonly #parts: PageSessionsParts
  /** By secret; the one used last is the last. */
  readonly #sessions = new Map<string, Session>()
  readonly #links = new Map<string, { sha256: string; untilMs: number }>()

  constructor(parts: PageSessionsParts) {
    this.#parts = parts
  }

  /** @returns the secret that stands for the token from now on */
  begin({ sha256 }: StoredToken): string {
    const secret = newSecret()
    this.#sessions.set(secret, { sha256, usedMs: this.#parts.now() })
    dropOldest(this.#sessions, MOST_SESSIONS)
    return secret
  }

  end(secret: string): void {
    this.#sessions.delete(secret)
  }

  tokenOf(secret: string): StoredToken | null {
    const session = this.#sessions.get(secret)
    if (session === undefined) return null
    const nowMs = this.#parts.now()
    const token = nowMs - session.usedMs > IDLE_MS ? null : this.#parts.inForce(session.sha256)
    this.#sessions.delete(secret)
    if (token !== null) this.#sessions.set(secret, { ...session, usedMs: nowMs })
    return token
  }

  /** @returns a code that signs in once, within LINK_SECONDS */
  link({ sha256 }: StoredToken): string {
    const code = newSecret()
    this.#links.set(code, { sha256, untilMs: this.#parts.now() + LINK_SECONDS * 1_000 })
    dropOldest(this.#links, MOST_LINKS)
    return code
  }

  redeem(code: string): StoredToken | null {
    const link = this.#links.get(code)
    this.#links.delete(code)
    return link === undefined || this.#parts.now() > link.untilMs ? null : this.#parts.inForce(link.sha256)
  }
}

function newSecret(): string {
  return randomBytes(32).toString('base64url')
}

function dropOldest(known: Map<string, unknown>, most: number): void {
  for (const key of known.keys()) {
    if (known.size <= most) return
    known.delete(key)
  }
}
