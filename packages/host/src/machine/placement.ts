/**
 * Where a daemon's directories may lie: no root in another root or in the state directory, no state directory in a
 * root, and no root that is the whole file system. Otherwise one of them would deliver, delete or overwrite the other.
 */
import { realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type Mount, parseMounts, readMounts } from './mounts.ts'

export interface PlacementFault {
  /** The root that is at fault. */
  root: string
  message: string
}

/** Symlinks are followed as far as the path exists; the rest is taken by its name. */
export function placementFaults(stateDir: string, roots: readonly { name: string; path: string }[]): PlacementFault[] {
  const state = realPlace(stateDir)
  const places = roots.map(({ name, path }) => ({ name, place: realPlace(path) }))
  return places.flatMap(({ name, place }, position) => {
    const messages: string[] = []
    if (place === '/') messages.push('must not be the whole filesystem')
    else if (isBelow(state, place)) messages.push(`must not hold the stateDir ${stateDir}`)
    else if (isBelow(place, state)) messages.push(`must not lie in the stateDir ${stateDir}`)
    for (const other of places.slice(0, position)) {
      if (other.place === place) messages.push(`is the directory of root ${other.name} already`)
      else if (isBelow(place, other.place)) messages.push(`must not lie in root ${other.name}`)
      else if (isBelow(other.place, place)) messages.push(`must not hold root ${other.name}`)
    }
    return messages.map((message) => ({ root: name, message }))
  })
}

/** systemd names these directories so, whatever service they are for. */
const OF_A_SERVICE = /(?:^|\/)systemd-private-[^/]+\//

/**
 * Whether a path lies in a /tmp or /var/tmp that only this service sees, and that goes when the service stops.
 * @returns what is wrong, as the rest of a sentence; null: nothing
 */
export function privatePlaceFault(path: string, mounts: readonly Mount[] = parseMounts(readMounts())): string | null {
  const place = realPlace(path)
  const above = mounts.filter((mount) => isBelow(place, mount.place))
  const depth = Math.max(0, ...above.map((mount) => mount.place.length))
  const mount = above.findLast((each) => each.place.length === depth)
  if (mount === undefined || !OF_A_SERVICE.test(mount.part)) return null
  const remedy = 'choose another place, or give the unit PrivateTmp=no (systemctl edit)'
  return `lies in a ${mount.place} that systemd made for this service alone: ${remedy}`
}

/** Whether `path` is `above` or lies in it. */
function isBelow(path: string, above: string): boolean {
  return path === above || above === '/' || path.startsWith(`${above}/`)
}

function realPlace(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    // Missing, or not readable for us: the directory above may be.
    return path === dirname(path) ? path : join(realPlace(dirname(path)), basename(path))
  }
}
