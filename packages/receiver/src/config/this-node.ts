/**
 * How this receiver tells itself from other nodes with the same token: the name of its host, and a number that differs
 * between hosts of one name and between receivers of one host. It stays the same over restarts, without a file of its
 * own, which every clone of an image would share.
 */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { errorCode } from '@rootferry/host/machine'

const ID_DIGITS = 16
const NETWORK = '/sys/class/net'

/** @returns what the agent gets in the header Rootferry-Node */
export function thisNode(stateDir: string): string {
  const id = createHash('sha256')
    .update(JSON.stringify([hostname(), stateDir, cards()]))
    .digest('hex')
  return `${hostname().replaceAll(/[^A-Za-z0-9._-]/g, '-')} ${id.slice(0, ID_DIGITS)}`
}

/** The addresses of network cards. Those of bridges and of links to containers change with every start. */
function cards(): string[] {
  try {
    return readdirSync(NETWORK)
      .filter((name) => existsSync(join(NETWORK, name, 'device')))
      .map((name) => readFileSync(join(NETWORK, name, 'address'), 'utf8').trim())
      .sort()
  } catch (error) {
    if (errorCode(error) === null) throw error
    return []
  }
}
