/** The agent's API, asked with the session's cookie. Every refusal is an error whose message is for the person. */
import { tellTime } from './agent-clock.ts'

const LOOK_MS = 30_000

export class ApiProblem extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, detail: string) {
    super(detail)
    this.status = status
    this.code = code
  }
}

/** @throws ApiProblem; status 0: the agent cannot be reached */
export async function ask<Answer>(path: string, method = 'GET', body?: object): Promise<Answer> {
  const response = await fetched(path, method, body)
  if (response.status === 204) return undefined as Answer
  const text = await response.text()
  const answer = parsed(text)
  if (response.ok && answer !== null) return answer as Answer
  const { code, detail } = { code: 'unknown', detail: `The agent answered ${response.status}.`, ...answer }
  throw new ApiProblem(response.status, code, detail)
}

export function get<Answer>(path: string): Promise<Answer> {
  return ask<Answer>(path)
}

export function post<Answer>(path: string, body: object = {}): Promise<Answer> {
  return ask<Answer>(path, 'POST', body)
}

async function fetched(path: string, method: string, body: object | undefined): Promise<Response> {
  try {
    const response = await fetch(path, {
      method,
      // A look that is never answered must not hold up the next one.
      ...(method === 'GET' ? { signal: AbortSignal.timeout(LOOK_MS) } : {}),
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }),
    })
    tellTime(response.headers.get('date'))
    return response
  } catch {
    throw new ApiProblem(0, 'unreachable', 'The agent cannot be reached.')
  }
}

function parsed(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' ? value : null
  } catch {
    return null
  }
}
