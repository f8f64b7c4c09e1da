/**
 * Where most of what is gone was, in a few words, for the person who has to accept the loss: is it an old release, or a
 * directory that is not mounted? Pure.
 */
import { printable } from '@rootferry/host/machine'

/** A sample is enough, and a million paths would take long. */
const MOST_SEEN = 10_000
/** In hundredths: what has so much of the loss is looked into further. */
const MOST_OF_IT = 90
const MOST_NAMED = 3

/** @returns such as `most below media/catalog` or `below app, lib and 2 others`; null: it is no place in particular */
export function placesOfLoss(gone: Iterable<string>): string | null {
  const paths = [...Iterator.from(gone).take(MOST_SEEN)].map((path) => path.split('/'))
  let depth = 0
  let within = paths
  const at: string[] = []
  for (;;) {
    const groups = Map.groupBy(within, (parts) => parts[depth] ?? '')
    const [largest] = [...groups].sort(([, one], [, other]) => other.length - one.length)
    const hasMost = largest !== undefined && largest[1].length * 100 >= within.length * MOST_OF_IT
    const below = hasMost ? largest[1].filter((parts) => parts.length > depth + 1) : []
    if (!hasMost || below.length < 2) break
    at.push(largest[0])
    within = below
    depth += 1
  }
  if (at.length > 0) return `most below ${printable(at.join('/'))}`
  return named(within)
}

/** Directories at the top that much is gone from; files there say nothing. */
function named(paths: readonly string[][]): string | null {
  const groups = [...Map.groupBy(paths, ([top = '']) => top)].filter(([, within]) => within.length > 1)
  if (groups.length === 0) return null
  const largest = groups.sort(([, one], [, other]) => other.length - one.length).map(([top]) => printable(top))
  const others = largest.length - MOST_NAMED
  return `below ${largest.slice(0, MOST_NAMED).join(', ')}${others > 0 ? ` and ${others === 1 ? 'another' : `${others} others`}` : ''}`
}
