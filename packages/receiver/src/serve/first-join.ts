/**
 * What the first join of a target that holds something is going to do, told before it does it. Pure.
 *
 * Found by a comparison that acts on nothing and reads no content, so it goes by size and time: a file of another time
 * may turn out to hold the right content, and one of the same size and time another.
 */

import { count, size } from '@rootferry/host/daemon'
import type { FirstJoin } from '../root-messages.ts'

/** One line without the end. */
export function firstJoinLine({ right, missing, missingBytes, differing, extraneous, trash }: FirstJoin): string {
  const fate = trash === null ? 'will be deleted (keepDays of its trash is 0)' : `will go to the trash at ${trash}`
  return (
    `first join, by size and time: ${count(right)} entries are right, ${count(missing)} missing ` +
    `(${size(missingBytes)}), ${count(differing)} differ, ` +
    (extraneous === 0 ? 'none is extraneous' : `${count(extraneous)} extraneous ${fate}`)
  )
}
