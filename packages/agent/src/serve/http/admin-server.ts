/** The admin API on its listener. */
import type { ListenAddress } from '@rootferry/host/daemon'
import { buildAdminApi } from './admin-api.ts'
import type { AdminParts } from './admin-parts.ts'
import type { Http } from './http-types.ts'

export class AdminServer {
  readonly #http: Promise<Http>

  constructor(parts: AdminParts) {
    this.#http = buildAdminApi(parts)
  }

  /** @returns the address it listens on. @throws the system error (EADDRINUSE…) */
  async listen({ host, port }: ListenAddress): Promise<string> {
    return await (await this.#http).listen({ host, port })
  }

  async close(): Promise<void> {
    await (await this.#http).close()
  }
}
