/** `HOST:PORT` and `[IPv6]:PORT`, the spelling of a listener in the configuration files. */
import { BlockList } from 'node:net'
import type { ConfigSource } from './config-file.ts'
import { ipVersion } from './ip-version.ts'

export interface ListenAddress {
  host: string
  port: number
}

/** @returns null when the text is not an address */
export function parseListenAddress(text: string): ListenAddress | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([\p{L}\p{N}_][\p{L}\p{N}_.-]*)):(\d{1,5})$/u.exec(text)
  const [, inBrackets, plain = ''] = match ?? []
  const isHost =
    inBrackets === undefined ? !/^[\d.]+$/.test(plain) || ipVersion(plain) === 4 : ipVersion(inBrackets) === 6
  const port = Number(match?.[3])
  return match !== null && isHost && port <= 65535 ? { host: inBrackets ?? plain, port } : null
}

/** The address at `path` of a file. @param faults takes what is wrong; the address that is returned then is none */
export function listenAddressAt(
  path: readonly string[],
  text: string,
  source: ConfigSource,
  faults: string[],
): ListenAddress {
  const parsed = parseListenAddress(text)
  if (parsed === null)
    faults.push(
      source.fault(path, `'${text}' is not a valid address: HOST:PORT is expected, as 0.0.0.0:8730 or [::]:8730`),
    )
  return parsed ?? { host: '', port: 0 }
}

/** Whether two listeners cannot both be opened. Two on port 0 get different ports. */
export function isSamePlace(one: ListenAddress, other: ListenAddress): boolean {
  return one.port !== 0 && one.port === other.port && (holds(one.host, other.host) || holds(other.host, one.host))
}

function holds(host: string, other: string): boolean {
  return host === other || host === '::' || (host === '0.0.0.0' && ipVersion(other) === 4)
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
