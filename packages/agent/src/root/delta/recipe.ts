/**
 * Pure: how a file is made from a base and from bytes that are sent along, and how this recipe is cut into slices.
 *
 *   steps  [from, length]   `length` bytes of the base, from there on
 *          [null, length]   the next `length` of the bytes that are sent
 *
 * INVARIANT: the steps' lengths add up to the file's size, and the steps of one slice make a contiguous part of it.
 */
import { LIMITS, type Step } from '@rootferry/protocol'

/** A part of a recipe that fits into one slice. */
export interface RecipePart {
  offset: number
  length: number
  /** Bytes that are sent. */
  carried: number
  steps: Step[]
}

/** Adds a step, or lengthens the last step where the new one continues it. */
export function addStep(steps: Step[], from: number | null, length: number): void {
  if (length === 0) return
  const last = steps.at(-1)
  const goesOn =
    last !== undefined && (from === null ? last[0] === null : last[0] !== null && last[0] + last[1] === from)
  if (goesOn) last[1] += length
  else steps.push([from, length])
}

/** Bytes that must be sent. */
export function carriedBy(steps: readonly Step[]): number {
  return steps.reduce((sum, [from, length]) => sum + (from === null ? length : 0), 0)
}

/** @param mostCarried bytes of content that fit into one segment */
export function partsOf(steps: readonly Step[], mostCarried: number): RecipePart[] {
  const parts: RecipePart[] = []
  let part: RecipePart = { offset: 0, length: 0, carried: 0, steps: [] }
  for (const [from, length] of steps) {
    for (let done = 0; done < length; ) {
      const room = Math.min(LIMITS.sliceBytes - part.length, from === null ? mostCarried - part.carried : length)
      if (room === 0 || part.steps.length === LIMITS.sliceSteps) {
        parts.push(part)
        part = { offset: part.offset + part.length, length: 0, carried: 0, steps: [] }
        continue
      }
      const taken = Math.min(length - done, room)
      part.steps.push([from === null ? null : from + done, taken])
      part.length += taken
      if (from === null) part.carried += taken
      done += taken
    }
  }
  if (part.length > 0) parts.push(part)
  return parts
}
