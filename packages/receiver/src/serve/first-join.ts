/**
 * What the first join of a target with content is going to do, told before it does it. Pure.
 *
 * A comparison that changes nothing and reads no content finds it out, so it goes by size and time: a file with another
 * time may turn out to hold the right content, and a file of the same size and time may hold the wrong content.
 */

import { count, size } from '@rootferry/host/daemon'
import type { FirstJoin } from '../root-messages.ts'
import type { RootState } from './root-state.ts'

/** One line without a line break. */
export function firstJoinLine({ right, missing, missingBytes, differing, extraneous, trash }: FirstJoin): string {
  const fate = trash === null ? 'is deleted (keepDays of its trash is 0)' : `goes to the trash at ${trash}`
  return (
    `first join, by size and time: ${count(right)} entries are right, ${count(missing)} missing ` +
    `(${size(missingBytes)}), ${count(differing)} differ, ${count(extraneous)} extraneous; ` +
    `what is replaced or extraneous ${fate}`
  )
}

/** Why the root waits, and what an operator can do. */
export function awaitingText({ root, firstJoin }: Pick<RootState, 'root' | 'firstJoin'>): string {
  const { entries, replaced, extraneous } = firstJoin ?? { entries: 0, replaced: 0, extraneous: 0 }
  return (
    `the first join would replace ${count(replaced)} and remove ${count(extraneous)} of the target's ${count(entries)} ` +
    `entries, and waits: correct the path, or run rootferry-receiver accept ${root}`
  )
}
