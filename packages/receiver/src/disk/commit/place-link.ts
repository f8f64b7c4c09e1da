/**
 * The step of a burst that makes a path another name of a file. Where the content has come too, a link that cannot be made
 * leaves the path right but for that.
 *
 * Where the first name of the file belongs to this host, or cannot be made, the next one has the content in its place, and
 * is all right without it: when the first name can be made, all others come with it.
 */
import { type ConfinedDirectories, errorCode, plainMessage } from '@rootferry/host/machine'
import type { Trash } from '../area/trash.ts'
import { readObject } from '../files/attributes.ts'
import type { TimeGrains } from '../files/time-grains.ts'
import type { Untouchable } from '../files/untouchable.ts'
import type { Walk } from '../files/walk.ts'
import type { Operation } from '../ledger/operation.ts'
import { type Failures, OTHER_LINK, type Reason } from './failures.ts'
import { linkName } from './link-names.ts'
import type { Placing } from './order-of-visibility.ts'
import { areEqual, meetsOther } from './shared-places.ts'

/** A link leads to no other filesystem, and some filesystems have none. */
const NOT_LINKED = new Set(['EXDEV', 'EPERM', 'EMLINK', 'EOPNOTSUPP', 'ENOTSUP'])

type Linking = Extract<Operation, { do: 'link' }>

export interface PlaceLinkParts {
  confined: ConfinedDirectories
  grains: Pick<TimeGrains, 'isSame'>
  trash: Pick<Trash, 'keep'>
  untouchable: Pick<Untouchable, 'isLocal'>
  /** Whether what is replaced may be this host's own, and is kept. */
  keeps: boolean
  /** Where objects are staged. */
  staging: string
  place(placing: Placing): Walk<void>
}

/** @throws the system error, unless it says that there can be no link */
export function* placeLink(operation: Linking, parts: PlaceLinkParts, failures: Failures): Walk<void> {
  const { path, to: first, size, mtime, isNeeded, isOther } = operation
  const { confined, grains, trash, untouchable, keeps } = parts
  const unused = failures.unusedOf(first)
  const isMeant = isNeeded && unused?.size === size && unused.mtime === mtime
  if (isMeant && !failures.standIns.has(first)) {
    yield* standIn(operation, unused.staged, parts)
    if (!failures.isBlocked(path)) failures.standIns.set(first, path)
    return
  }
  const to = failures.standIns.get(first) ?? first
  const isNobodys = () => untouchable.isLocal(to, 'file') || failures.isBlocked(to)
  if (!isNeeded && isNobodys()) return
  const lacks = (reason: Reason) => (isNeeded ? failures.fail(path, reason) : failures.unfinished(path, reason))
  if (isOther) failures.otherLinks.push(to)
  if (isOther || failures.isBlocked(to)) return lacks(OTHER_LINK)
  const isThere = isNeeded && keeps && readObject(confined.locate(path)) !== null
  let takeBack: (() => void) | null = null
  try {
    if (isThere) takeBack = yield* trash.keep(() => confined.locate(path), path)
    const isSame = isNeeded || (yield* haveSameBytes(confined.locate(path), confined.locate(to)))
    const places = { location: confined.locate(path), to: confined.locate(to), size, mtime, grains }
    if (isSame && linkName(places) === 'linked') return
    takeBack?.()
    lacks(OTHER_LINK)
    if (!isNobodys()) failures.otherLinks.push(to)
  } catch (error) {
    takeBack?.()
    if (!NOT_LINKED.has(errorCode(error) ?? '')) throw error
    lacks({ code: errorCode(error) ?? '', message: plainMessage(error) })
  }
}

/**
 * The answer to a want may tell of a file that is not as the agent has it before a later changeset: its size and time can
 * be those of any other.
 */
function* haveSameBytes(location: string, to: string): Walk<boolean> {
  const [one, other] = [readObject(location), readObject(to)]
  if (one?.kind !== 'file' || other?.kind !== 'file' || one.size !== other.size) return false
  return (one.inode === other.inode && one.device === other.device) || (yield* areEqual(location, to))
}

/** The name has the file that was brought for the first one. It may have it already: that comes again and again. */
function* standIn(
  { path, size, mtime, replaces }: Linking,
  staged: string,
  { confined, staging, place }: PlaceLinkParts,
): Walk<void> {
  const meeting = yield* meetsOther(
    () => `${staging}/${staged}`,
    () => confined.locate(path),
    null,
  )
  if (meeting !== 'same') yield* place({ do: 'place', path, kind: 'file', staged, size, mtime, replaces })
}
