/** One HTTP request and its answer as a whole, with a connection of its own unless an agent keeps some. */
import { readFileSync } from 'node:fs'
import { type Agent, type IncomingHttpHeaders, request as requestPlain } from 'node:http'
import { request as requestSecure, Agent as SecureAgent } from 'node:https'
import { join } from 'node:path'
import { DIRECTORY } from './shop.ts'

const DEADLINE_MS = 120_000
const ca = readFileSync(join(DIRECTORY, 'servers/front/etc/nginx/shop.crt'))

/** Keeps connections to nginx, as browsers do. */
export const keeping = new SecureAgent({ keepAlive: true, ca })

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

export interface Question {
  method?: string
  headers?: Record<string, string>
  body?: Buffer | string
  agent?: Agent | SecureAgent
}

export function ask(url: string, { method = 'GET', headers = {}, body, agent }: Question = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const send = url.startsWith('https:') ? requestSecure : requestPlain
    const request = send(url, { method, headers, ca, agent: agent ?? false, timeout: DEADLINE_MS }, (answer) => {
      const parts: Buffer[] = []
      answer.on('data', (part: Buffer) => parts.push(part))
      answer.on('error', reject)
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(parts) }),
      )
    })
    request.on('timeout', () => request.destroy(new Error(`no answer to ${url} in ${DEADLINE_MS} ms`)))
    request.on('error', reject)
    request.end(body)
  })
}
