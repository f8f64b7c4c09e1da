/**
 * The agent's file of tokens, written as `token create` writes it: the suite would otherwise start hundreds of commands,
 * or load the agent's validators into every test. An agent that reads another form refuses to start.
 */
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface WantedToken {
  name: string
  admin: boolean
}

/** @param stateDir the agent's, which has no tokens yet. @returns the tokens, as they are presented */
export function storeTokens(stateDir: string, wanted: readonly WantedToken[]): string[] {
  const made = wanted.map((one) => ({ ...one, token: `rf_${randomBytes(32).toString('base64url')}` }))
  const tokens = made.map(({ name, admin, token }) => ({
    name,
    admin,
    roots: null,
    sha256: createHash('sha256').update(token).digest('base64url'),
    createdAt: new Date().toISOString(),
  }))
  mkdirSync(stateDir, { recursive: true, mode: 0o700 })
  writeFileSync(join(stateDir, 'tokens.json'), JSON.stringify({ version: 1, tokens }), { mode: 0o600 })
  return made.map(({ token }) => token)
}
