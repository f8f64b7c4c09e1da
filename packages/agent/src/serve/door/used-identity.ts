/** The identity that the agent uses: opened at the start, taken anew at a reload, and warned of before it expires. */
import type { Logger } from '@rootferry/host/daemon'
import { errorMessage } from '@rootferry/host/machine'
import type { AgentConfig } from '../../config/agent-yaml.ts'
import { type CertificateStatus, type Identity, openIdentity } from './identity.ts'

/** From this long before its end on, an expiring certificate is logged every day. */
const EXPIRY_WARNING_MS = 30 * 86_400_000
const DAY_MS = 86_400_000

export class UsedIdentity {
  readonly #log: Logger
  #identity: Identity | null = null
  #expiryCheck: NodeJS.Timeout | null = null

  constructor(log: Logger) {
    this.#log = log
  }

  /** Null: the agent speaks plain text, or has not begun. */
  get status(): CertificateStatus | null {
    return this.#identity?.status ?? null
  }

  /** PEM of the certificate and its key. */
  get pem(): { cert: string; key: string } {
    if (this.#identity === null) throw new Error('the agent has no certificate')
    return this.#identity
  }

  /** @throws Failure (78) with a line that names the file */
  async open(config: AgentConfig): Promise<Identity | null> {
    this.#identity = await openIdentity(config, new Date())
    return this.#identity
  }

  /** From now on, until it is closed. */
  warnOfExpiry(): void {
    this.#warn()
    this.#expiryCheck = setInterval(() => this.#warn(), DAY_MS)
  }

  /** @param use takes the new identity into use; not called when the old one stays, which the log explains */
  async renew(config: AgentConfig, use: (identity: Identity) => void): Promise<void> {
    try {
      const identity = await openIdentity(config, new Date())
      if ((identity?.clientCa == null) !== (this.#identity?.clientCa == null) || !identity !== !this.#identity) {
        this.#log.warn('turning TLS or client certificates on or off takes a restart')
        return
      }
      if (identity === null) return
      use(identity)
      this.#identity = identity
      this.#warn()
    } catch (error) {
      this.#log.error({ error: errorMessage(error) }, 'the certificate cannot be used, the old one stays in force')
    }
  }

  close(): void {
    if (this.#expiryCheck !== null) clearInterval(this.#expiryCheck)
  }

  #warn(): void {
    const { status } = this
    if (status === null || Date.parse(status.expiresAt) - Date.now() > EXPIRY_WARNING_MS) return
    this.#log.warn({ ...status }, 'the certificate expires soon or has expired; receivers refuse an expired one')
  }
}
