/**
 * Lets this thread go before the other programs of the machine while a large burst makes changes visible. On a busy
 * machine it would wait for a processor again and again, and visitors would see the tree half old and half new for that
 * long.
 *
 *   the thread's priority            counts among the threads of one group
 *   /proc/self/autogroup             counts among groups, where the kernel makes one of each session (a systemd service)
 *
 * To raise either takes CAP_SYS_NICE, or a limit as the packaged unit has it (`LimitNICE`); without it a burst goes as
 * everything else does. INVARIANT: what was raised is given back, also where the kernel allows only ten changes a second.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { constants, getPriority, setPriority } from 'node:os'
import { errorCode } from '@rootferry/host/machine'

const { PRIORITY_HIGH } = constants.priority
const GROUP = '/proc/self/autogroup'
const GROUP_LINE = / nice (-?\d+)$/
/** The kernel refuses another change for a tenth of a second. */
const AGAIN_MS = 150

export class Precedence {
  /** The usual priorities, of what is raised now. */
  #thread: number | null = null
  #group: number | null = null
  #timer: NodeJS.Timeout | null = null

  take(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#thread ??= unlessRefused(() => raised(getPriority(), setPriority))
    this.#group ??= unlessRefused(() => raised(groupPriority(), setGroup))
  }

  giveBack(): void {
    if (this.#thread !== null && isDone(() => setPriority(this.#thread ?? 0))) this.#thread = null
    if (this.#group !== null && isDone(() => setGroup(this.#group ?? 0))) this.#group = null
    if (this.#group !== null) this.#timer = setTimeout(() => this.giveBack(), AGAIN_MS).unref()
  }
}

/** @returns what it was; null: it is as high already */
function raised(usual: number, set: (priority: number) => void): number | null {
  if (usual <= PRIORITY_HIGH) return null
  set(PRIORITY_HIGH)
  return usual
}

function groupPriority(): number {
  return Number(GROUP_LINE.exec(readFileSync(GROUP, 'utf8').trimEnd())?.[1] ?? PRIORITY_HIGH)
}

function setGroup(priority: number): void {
  writeFileSync(GROUP, String(priority))
}

/** Whatever the reason is: not permitted, no such file, too soon after another change. */
function unlessRefused(act: () => number | null): number | null {
  try {
    return act()
  } catch (error) {
    if (errorCode(error) === null) throw error
    return null
  }
}

function isDone(act: () => void): boolean {
  return (
    unlessRefused(() => {
      act()
      return 0
    }) === 0
  )
}
