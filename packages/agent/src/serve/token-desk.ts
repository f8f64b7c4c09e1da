/** Tokens as an operator handles them through the API: listed, made and revoked in the file that the agent follows. */
import type { AgentConfig } from '../config/agent-yaml.ts'
import type { KnownTokens } from './door/known-tokens.ts'
import { newToken } from './door/new-token.ts'
import type { Nodes } from './door/nodes.ts'
import { revokeToken, type StoredToken, tokenFileOf } from './door/tokens.ts'
import type { AdminParts } from './http/admin-parts.ts'
import type { TokenAnswer } from './schemas/access.ts'

export interface TokenDeskParts {
  config(): AgentConfig
  tokens: KnownTokens
  nodes: Nodes
}

export function tokenDesk({
  config,
  tokens,
  nodes,
}: TokenDeskParts): Pick<AdminParts, 'tokens' | 'newToken' | 'revokeToken'> {
  return {
    tokens: () => [...tokens.all, ...tokens.expired].map((token) => answerOf(token, nodes)),
    newToken: async (order) => {
      const made = await newToken(config(), order, new Date())
      tokens.read()
      return made
    },
    revokeToken: (name) => {
      if (![...tokens.all, ...tokens.expired].some((token) => token.name === name)) return false
      revokeToken(tokenFileOf(config()), name)
      tokens.read()
      return true
    },
  }
}

function answerOf(token: StoredToken, nodes: Nodes): TokenAnswer {
  const { name, admin, roots, createdAt, expiresAt = null, many } = token
  const kind = admin === false ? 'receiver' : admin === 'read' ? 'admin-read' : 'admin'
  const own = nodes.receivers.filter((node) => node.token.name === name).map((node) => node.name)
  return { name, kind, roots, createdAt, expiresAt, nodes: many === undefined ? null : own }
}
