/** The settings of a run, all of them drawn from its seed. */
import type { GuardLimits, HoldSettings, Together } from '../../packages/agent/src/root-messages.ts'
import { GOOD, type LineQuality } from './network.ts'
import { SOURCE } from './places.ts'
import { Chance } from './random.ts'

export interface ReceiverSettings {
  name: string
  quality: LineQuality
  /** Its state directory is on another filesystem, so that it stages inside the root. */
  stagesInside: boolean
  protect: readonly string[]
  /** Another filesystem is mounted in the target. */
  hasBorder: boolean
  /** The target has content before the receiver first starts. */
  isPopulated: boolean
  /** The setting of this name. */
  extraneous: 'report' | 'trash'
  mostCallMs: number
}

export interface Settings {
  /** The docroot, for the agent's next start. */
  path: string
  backend: 'directory' | 'polling'
  /** Between scans of the whole tree, which find what no hint led to. */
  rescanMinutes: number
  /** Events that the kernel's queue holds. */
  watchQueue: number
  exclude: readonly string[]
  guard: GuardLimits
  hold: HoldSettings
  together: Together
  isAttended: boolean
  /** How often an operator holds or releases: once in so many steps; 0: never. */
  holdsOneIn: number
  /** Others than receivers change the targets: committed changes need not be there. */
  isDrifting: boolean
  compress: boolean
  tickMs: number
  reusesNumbers: boolean
  mostCallMs: number
  /** Steps of the part with faults. */
  steps: number
  /** How often somebody uploads a large file, and others save meanwhile: once in so many steps; 0: never. */
  uploadsOneIn: number
  /** How often an archive is unpacked, and entries come and go in it: once in so many steps; 0: never. */
  visitsOneIn: number
  /** How often programs write to a volume that all machines share: once in so many steps; 0: nothing is shared. */
  sharesOneIn: number
  /** How often the docroot is not mounted for a while: once in so many steps; 0: never. */
  unmountsOneIn: number
  /** How often somebody deploys a release: once in so many steps; 0: never. */
  deploysOneIn: number
  /** Each connection breaks when so many bytes have come over it; 0: never. */
  breaksAfterBytes: number
  /** How often programs make names of files and use them: once in so many steps; 0: never, and links are not preserved. */
  linksOneIn: number
  receivers: ReceiverSettings[]
}

const SLOW: LineQuality = { latencyMs: 40, rate: 20, repeatsOneIn: 0 }
const CREEPING: LineQuality = { latencyMs: 200, rate: 2, repeatsOneIn: 0 }
/** Longer than a run: then hints alone must lead to everything. */
const SELDOM_MINUTES = 30_000
/** More than a changeset: one with copies is sent again from the first of them. */
const BREAKS = [80_000, 120_000]
const GUARD_OFF: GuardLimits = { maxDeletePercent: 100, minDeletes: 1_000_000 }
/** It halts often, and an operator accepts each loss. */
const STRICT_GUARD: GuardLimits = { maxDeletePercent: 20, minDeletes: 3 }
const REPEATING: LineQuality = { latencyMs: 5, rate: 1_000, repeatsOneIn: 40 }

export function drawSettings(chance: Chance): Settings {
  const count = chance.pick([1, 1, 2, 2, 3])
  return {
    path: SOURCE,
    guard: GUARD_OFF,
    hold: { while: chance.oneIn(4) ? ['e'] : [], show: chance.oneIn(2), overdueMinutes: 15 },
    holdsOneIn: chance.pick([0, 2, 4]),
    together: chance.pick(['releases', 'releases', 'always']),
    isAttended: true,
    isDrifting: false,
    backend: chance.pick(['directory', 'directory', 'polling']),
    rescanMinutes: 1,
    watchQueue: chance.pick([16_384, 24]),
    exclude: chance.pick([[], [], ['*.log', '/keep/e/']]),
    compress: chance.oneIn(3),
    tickMs: chance.pick([0.001, 1, 4, 10]),
    reusesNumbers: chance.oneIn(2),
    mostCallMs: chance.pick([0, 0, 0.1, 1]),
    steps: 6 + chance.below(18),
    receivers: Array.from({ length: count }, (_, number) => drawReceiver(chance, `web${number + 1}`)),
    uploadsOneIn: 0,
    deploysOneIn: 0,
    sharesOneIn: 0,
    unmountsOneIn: 0,
    visitsOneIn: 0,
    breaksAfterBytes: 0,
    linksOneIn: 0,
  }
}

/** Settings that have chances of their own: what else a seed tells does not depend on them. */
export function drawApart(seed: number): Partial<Settings> {
  return {
    uploadsOneIn: new Chance(seed * 7 + 3).pick([0, 0, 3]),
    deploysOneIn: new Chance(seed * 11 + 7).pick([0, 0, 2]),
    unmountsOneIn: new Chance(seed * 43 + 41).pick([0, 0, 0, 4]),
    sharesOneIn: new Chance(seed * 37 + 31).pick([0, 0, 0, 2]),
    visitsOneIn: new Chance(seed * 19 + 13).pick([0, 0, 2]),
    rescanMinutes: new Chance(seed * 17 + 11).pick([1, SELDOM_MINUTES]),
    breaksAfterBytes: new Chance(seed * 31 + 23).pick([0, 0, 0, ...BREAKS]),
    linksOneIn: new Chance(seed * 47 + 49).pick([0, 0, 0, 1]),
    guard: new Chance(seed * 29 + 19).pick([GUARD_OFF, GUARD_OFF, STRICT_GUARD]),
  }
}

function drawReceiver(chance: Chance, name: string): ReceiverSettings {
  return {
    name,
    quality: chance.pick([GOOD, GOOD, SLOW, CREEPING, REPEATING]),
    stagesInside: chance.oneIn(3),
    protect: chance.pick([[], [], ['/keep/', 'c.php']]),
    isPopulated: chance.oneIn(3),
    hasBorder: chance.oneIn(4),
    extraneous: chance.pick(['trash', 'report']),
    mostCallMs: chance.pick([0, 0, 0.1, 1]),
  }
}
