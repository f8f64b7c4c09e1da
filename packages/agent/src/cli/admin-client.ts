/**
 * The way from the command line to the running agent: its address, and the token to ask with.
 *
 * Address and token are in the file that the agent leaves in its stateDir. ROOTFERRY_TOKEN replaces that token, and
 * then the address comes from the configuration.
 */

import { askDaemon, followDaemon, isBearerToken, urlOf } from '@rootferry/host/daemon'
import { EXIT, Failure } from '@rootferry/host/machine'
import type { Static, TSchema } from 'typebox'
import type { AgentConfig } from '../config/agent-yaml.ts'
import { type AdminSecret, readAdminSecret } from '../serve/http/admin-secret.ts'

const TOKEN_EXPECTED = "the one line that 'rootferry-agent token create NAME --admin' printed is expected"

export class AdminClient {
  readonly #way: AdminSecret & { daemon: string }

  /** @throws Failure (69, 77) when the agent cannot be found or the token cannot be read */
  constructor(config: AgentConfig, environmentToken: string | undefined) {
    this.#way = { daemon: 'the agent', ...wayTo(config, environmentToken) }
  }

  /** Where the admin API listens, as seen from this machine. */
  get url(): string {
    return this.#way.url
  }

  /** @throws Failure */
  get<Schema extends TSchema>(path: string, answer: Schema): Promise<Static<Schema>> {
    return askDaemon({ ...this.#way, path, answer })
  }

  /** Events of some types, divided by commas, as parts of a stream that ends when `signal` says so. @throws Failure */
  events(types: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    return followDaemon({ ...this.#way, path: `/v1/events?types=${types}` }, signal)
  }

  /** @throws Failure */
  delete<Schema extends TSchema>(path: string, answer: Schema): Promise<Static<Schema>> {
    return askDaemon({ ...this.#way, path, answer, method: 'DELETE' })
  }

  /** @param body null: the request has no body. @throws Failure */
  post<Schema extends TSchema>(
    path: string,
    body: object | null,
    answer: Schema,
    patienceMs?: number,
  ): Promise<Static<Schema>> {
    return askDaemon({ ...this.#way, path, body, answer, ...(patienceMs === undefined ? {} : { patienceMs }) })
  }
}

function wayTo({ admin, stateDir }: AgentConfig, environmentToken: string | undefined): AdminSecret {
  const token = environmentToken?.trim() ?? ''
  if (token !== '' && !isBearerToken(token))
    throw new Failure(EXIT.notPermitted, `ROOTFERRY_TOKEN in the environment is no token: ${TOKEN_EXPECTED}`)
  if (token !== '') return { url: urlOf(admin), token }
  const secret = readAdminSecret(stateDir)
  if (secret !== null) return secret
  throw new Failure(EXIT.unreachable, `the agent cannot be reached: none ever ran with ${stateDir}`)
}
