/**
 * The command line as a client of the running agent: where it is, who asks, and what its refusals mean as exit codes.
 *
 * Address and token come from what the agent left in its stateDir; ROOTFERRY_TOKEN takes the place of that token, and
 * then the address of the configuration will do.
 */
import { EXIT, errorCode, errorMessage, Failure } from '@rootferry/host'
import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { type AdminSecret, readAdminSecret } from '../admin-secret.ts'
import type { AgentConfig } from '../config.ts'
import { ProblemSchema } from '../http/schemas.ts'

const PATIENCE_MS = 10_000
const isProblem = Compile(ProblemSchema)

export class AdminClient {
  readonly #url: string
  readonly #token: string

  /** @throws Failure (69, 77) when there is no way to the agent */
  constructor(config: AgentConfig, environmentToken: string | undefined) {
    const { url, token } = wayTo(config, environmentToken)
    this.#url = url
    this.#token = token
  }

  get<Schema extends TSchema>(path: string, schema: Schema): Promise<Static<Schema>> {
    return this.#ask('GET', path, null, schema)
  }

  /** @param body null: none is sent */
  post<Schema extends TSchema>(path: string, body: object | null, schema: Schema): Promise<Static<Schema>> {
    return this.#ask('POST', path, body, schema)
  }

  async #ask<Schema extends TSchema>(
    method: string,
    path: string,
    body: object | null,
    schema: Schema,
  ): Promise<Static<Schema>> {
    const response = await this.#fetch(path, {
      method,
      headers: {
        Authorization: `Bearer ${this.#token}`,
        ...(body === null ? {} : { 'Content-Type': 'application/json' }),
      },
      body: body === null ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
    })
    const answer: unknown = await response.json().catch(() => null)
    if (!response.ok) throw refusal(response.status, answer)
    const validator = Compile(schema)
    if (!validator.Check(answer)) throw new Failure(EXIT.failed, `${this.#url}${path} answered what was not understood`)
    return answer
  }

  async #fetch(path: string, request: RequestInit): Promise<Response> {
    try {
      return await fetch(new URL(path, this.#url), request)
    } catch (error) {
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
      const why = errorCode(cause) === 'ECONNREFUSED' ? 'nobody listens there' : errorMessage(cause)
      throw new Failure(EXIT.unreachable, `the agent can not be reached at ${this.#url}: ${why}`, { cause: error })
    }
  }
}

function wayTo(config: AgentConfig, environmentToken: string | undefined): AdminSecret {
  const url = addressOf(config)
  if (environmentToken !== undefined && environmentToken !== '') return { url, token: environmentToken }
  const secret = readAdminSecret(config.stateDir)
  if (secret !== null) return secret
  throw new Failure(EXIT.unreachable, `the agent can not be reached: none was ever running with ${config.stateDir}`)
}

/** Where a listener on every address is reached from this machine. */
function addressOf({ admin: { host, port } }: AgentConfig): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}

function refusal(status: number, answer: unknown): Failure {
  const detail = isProblem.Check(answer) ? answer.detail : `the agent answered ${status}`
  return new Failure(status === 401 || status === 403 ? EXIT.notPermitted : EXIT.failed, detail)
}
