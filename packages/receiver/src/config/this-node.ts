/**
 * How this receiver tells itself from other nodes with the same token: the name of its host, and a number that differs
 * between hosts of one name and between receivers of one host. It stays the same over restarts, without a file of its
 * own, which every clone of an image would share.
 */
import { createHash } from 'node:crypto'
import { hostname, networkInterfaces } from 'node:os'

const ID_DIGITS = 16

/** @returns what the agent gets in the header Rootferry-Node */
export function thisNode(stateDir: string): string {
  const links = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  const cards = new Set(links.filter(({ internal }) => !internal).map(({ mac }) => mac))
  const id = createHash('sha256')
    .update(JSON.stringify([hostname(), stateDir, [...cards].sort()]))
    .digest('hex')
  return `${hostname().replaceAll(/[^A-Za-z0-9._-]/g, '-')} ${id.slice(0, ID_DIGITS)}`
}
