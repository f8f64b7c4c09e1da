/**
 * Which requests are admitted at all, before any route: not too many, under a name of ours, and from no page of another
 * site.
 *
 * A browser can be tricked into sending requests to a loopback port, and, by a name that changes its address, even into
 * reading the answers. So a request that names another origin is refused, and so is a request for a host name that an
 * outsider could have made: addresses, names without a dot and the configured name are ours. Pure decisions.
 */
import { HttpProblem, ipVersion } from '@rootferry/host/daemon'

export interface RequestOrigin {
  host: string | undefined
  origin: string | undefined
}

/** @returns why the request is refused, or null. @param ownHost host of `admin.listen` */
export function refusalOf({ host, origin }: RequestOrigin, ownHost: string): HttpProblem | null {
  if (!isOwnHost(hostName(host ?? ''), ownHost)) {
    const accepted = 'an IP address, localhost, a name without a dot, or the host of admin.listen'
    return new HttpProblem('foreign-host', `The Host header must be ${accepted}.`)
  }
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
    return new HttpProblem('foreign-page', 'Pages of another origin may not use this API.')
  }
  return null
}

function isOwnHost(name: string, ownHost: string): boolean {
  if (name === '' || name.toLowerCase() === ownHost.toLowerCase()) return name !== ''
  return ipVersion(name) !== 0 || !name.includes('.')
}

/** `[::1]:8731` → `::1`, `localhost:8731` → `localhost`; empty when the header has neither form. */
function hostName(header: string): string {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+))(?::\d{1,5})?$/.exec(header)
  return match?.[1] ?? match?.[2] ?? ''
}
