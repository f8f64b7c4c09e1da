/** That the root was halted, in the index's database: a restart does not make a loss one that somebody wants. */
import type { MemoryRows } from '../index/memory-rows.ts'
import type { HaltNote } from './guard.ts'

const NAME = 'halted'
const YES = 'yes'

export function haltNote(memory: Pick<MemoryRows, 'note' | 'keepNote'>): HaltNote {
  let isHalted = memory.note(NAME) === YES
  return {
    get isHalted() {
      return isHalted
    },
    set isHalted(value) {
      if (value === isHalted) return
      memory.keepNote(NAME, value ? YES : 'no')
      isHalted = value
    },
  }
}
