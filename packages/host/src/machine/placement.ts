/**
 * Where a daemon's directories may lie: no root in another root or in the state directory, no state directory in a
 * root, and no root that is the whole file system. Otherwise one of them would deliver, delete or overwrite the other.
 */
import { realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

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
