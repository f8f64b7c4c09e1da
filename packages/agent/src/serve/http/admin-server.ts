/** The admin API on its listener. */
import { ConnectionBound, type ListenAddress, listenOn } from '@rootferry/host/daemon'
import type { AdminParts } from './admin-parts.ts'
import type { Http } from './http-types.ts'

/** Browsers, scrapers, scripts and the listeners of events. */
const MOST_CONNECTIONS = 500

export class AdminServer {
  readonly #parts: AdminParts
  readonly #http: Promise<Http>
  #bound: ConnectionBound | null = null

  constructor(parts: AdminParts) {
    this.#parts = parts
    // It is the largest part of the agent, and loads while the roots' threads start.
    this.#http = import('./admin-api.ts').then(({ buildAdminApi }) => buildAdminApi(parts))
  }

  /** @returns the address it listens on. @throws the system error (EADDRINUSE…) */
  async listen(address: ListenAddress): Promise<string> {
    const http = await this.#http
    this.#bound = new ConnectionBound(http.server, 'admin.listen', MOST_CONNECTIONS, this.#parts.log)
    return await listenOn(http, address)
  }

  /** Connections that were refused because there were too many. */
  get dropped(): number {
    return this.#bound?.dropped ?? 0
  }

  async close(): Promise<void> {
    await (await this.#http).close()
  }
}
