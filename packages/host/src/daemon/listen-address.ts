/** `HOST:PORT` and `[IPv6]:PORT`, the spelling of a listener in the configuration files. */
import { BlockList } from 'node:net'
import { ipVersion } from './ip-version.ts'

export interface ListenAddress {
  host: string
  port: number
}

/** @returns null when the text is not an address */
export function parseListenAddress(text: string): ListenAddress | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  return host !== undefined && port <= 65535 ? { host, port } : null
}

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/** @param host a name or an address in any spelling, also with the brackets that a URL has around IPv6 */
export function isLoopback(host: string): boolean {
  const plain = host.replace(/^\[(.*)\]$/, '$1')
  const version = ipVersion(plain)
  return version === 0 ? plain.toLowerCase() === 'localhost' : LOOPBACK.check(plain, version === 4 ? 'ipv4' : 'ipv6')
}
