/** Pure decision: whether two looks at a file saw the same version of it, as far as both can tell. */

import type { Observation } from '../index/indexed-entry.ts'
import { sameVersion } from './difference.ts'

/** As sameVersion, but a ctime that is too fresh to tell anything (0) does not count against it. */
export function isSameVersion(a: Observation, b: Observation): boolean {
  const isTold = a.ctime !== 0 && b.ctime !== 0
  return isTold ? sameVersion(a, b) : sameVersion({ ...a, ctime: 1 }, { ...b, ctime: 1 })
}
