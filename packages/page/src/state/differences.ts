/** What a resync found, turned around: by path, with the receivers at which it differs. Pure. */
import type { ResyncStatus } from '@rootferry/agent/api'

type Kind = ResyncStatus['receivers'][string]['differences'][number]['kind']

export interface Difference {
  path: string
  root: string
  kinds: { kind: Kind; receivers: string[] }[]
}

/** In the order of paths; those that differ at most receivers are not put first, because neighbours explain each other. */
export function differencesOf({ root, receivers }: Pick<ResyncStatus, 'root' | 'receivers'>): Difference[] {
  const found = new Map<string, Difference>()
  for (const [receiver, { differences }] of Object.entries(receivers)) {
    for (const { path, kind, root: own = root ?? '' } of differences) {
      const key = `${own}\0${path}`
      const difference = found.get(key) ?? { path, root: own, kinds: [] }
      found.set(key, difference)
      const same = difference.kinds.find((known) => known.kind === kind)
      if (same === undefined) difference.kinds.push({ kind, receivers: [receiver] })
      else same.receivers.push(receiver)
    }
  }
  return [...found].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, difference]) => difference)
}
