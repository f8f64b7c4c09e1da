/**
 * The far end of a thread that only looks: compares the agent's listings with a target by size and time, as a first join
 * does before it does anything, and reports the sum. For `join --dry-run`.
 *
 * INVARIANT: nothing is written on this host: no lock, no ledger, no staging, no trash.
 */
import { realpathSync, statSync } from 'node:fs'
import {
  Borders,
  BulkReads,
  ConfinedDirectories,
  chooseSystemCalls,
  EXIT,
  errorMessage,
  Failure,
} from '@rootferry/host/machine'
import { decodeToReceiver, encodeMessage, NOTHING_PRESERVED, ProtocolError, type ToAgent } from '@rootferry/protocol'
import type { DiskEvent, DiskOptions, Frame, ToDisk } from '../root-messages.ts'
import { Removal } from './area/removal.ts'
import type { Findings } from './compare/findings.ts'
import { judgeJoin } from './compare/join-guard.ts'
import { firstJoin } from './compare/join-question.ts'
import { FIRST_LOOK, Resync, type ResyncParts } from './compare/resync.ts'
import { stepsOnce } from './files/disk-retry.ts'
import { ExtendedAttributes } from './files/extended.ts'
import { localModes } from './files/local-modes.ts'
import { OwnerMap } from './files/owner.ts'
import { TimeGrains } from './files/time-grains.ts'
import { Untouchable } from './files/untouchable.ts'
import type { DiskPort } from './serve-disk.ts'

/** Answers `hello` with the position of a receiver that knows nothing, and takes frames until the sum is reported. */
export function serveLook(port: DiskPort, options: DiskOptions): void {
  const event = (what: DiskEvent) => port.postMessage({ type: 'event', event: what })
  const failed = (error: unknown) => {
    if (error instanceof ProtocolError) return event({ type: 'broken', error })
    const exitCode = error instanceof Failure ? error.exitCode : EXIT.failed
    port.postMessage({ type: 'failed', message: errorMessage(error), exitCode })
  }
  try {
    const confined = new ConfinedDirectories(options.path)
    const untouchable = new Untouchable(options.protect, new Borders(realpathSync(options.path)))
    const send = (message: ToAgent) => port.postMessage({ type: 'send', message: encodeMessage(message) })
    const over = (findings: Findings) => report(findings, options, event)
    let resync: Resync | null = null
    const take = async ({ isBinary, data }: Frame): Promise<void> => {
      const message = isBinary ? null : decodeToReceiver(data)
      if (message?.type === 'welcome') {
        untouchable.setExcluded(message.filter)
        const extended = extendedOf(options, message.preserve)
        resync = new Resync(partsOf({ confined, untouchable, extended, options, send, over }), FIRST_LOOK)
      } else if (message?.type === 'listing') await resync?.listing(message)
    }
    let work: Promise<void> = Promise.resolve()
    port.on('message', (message: ToDisk) => {
      if (message.type === 'hello') port.postMessage({ type: 'hello', position: NOTHING })
      else if (message.type === 'frames')
        for (const frame of message.frames) work = work.then(() => take(frame)).catch(failed)
    })
    port.postMessage({ type: 'opened', sequence: 0, durable: 0 })
  } catch (error) {
    failed(error)
  }
}

const NOTHING = {
  epoch: null,
  term: null,
  sequence: 0,
  durable: 0,
  target: 'populated' as const,
  partials: [],
  prepared: null,
}

function report(findings: Findings, { guard, trash, trashDir }: DiskOptions, event: (what: DiskEvent) => void): void {
  const plan = firstJoin(findings, trash.keepDays === 0 ? null : trashDir)
  event({ type: 'first-join', plan })
  event({ type: 'phase', phase: judgeJoin(plan, 0, guard) === 'wait' ? 'awaiting-accept' : 'idle' })
}

/** ACLs and attributes that differ count as they would in a join. */
function extendedOf({ systemCalls, allowSetuid }: DiskOptions, preserved = NOTHING_PRESERVED): ExtendedAttributes {
  const { attributes } = chooseSystemCalls(systemCalls).calls
  return new ExtendedAttributes({ calls: attributes, preserved, allowsCapabilities: allowSetuid })
}

interface LookParts {
  confined: ConfinedDirectories
  untouchable: Untouchable
  extended: ExtendedAttributes
  options: DiskOptions
  send(message: ToAgent): void
  over(findings: Findings): void
}

function partsOf({ confined, untouchable, extended, options, send, over }: LookParts): ResyncParts {
  const nothing = () => undefined
  const throwAway = () => {
    throw new Error('a look moves nothing')
  }
  let requests = 0
  const nextRequest = () => {
    requests += 1
    return requests
  }
  return {
    ...{ confined, untouchable, extended, send },
    reads: new BulkReads(chooseSystemCalls(options.systemCalls).calls),
    // Nothing is written, and so a filesystem with coarse times is not known as one.
    grains: new TimeGrains(),
    insistOnPlace: nothing,
    modeOf: localModes(options.allowSetuid, options.mode),
    owners: new OwnerMap({ policy: options.owner, privileged: statSync('/proc/self').uid === 0, warn: nothing }),
    // Gives nobody access to what this user may not read.
    creation: { uid: 0, gid: 0, exactModes: true, privileged: true },
    removal: new Removal({ confined, trash: { throwAway }, untouchable }),
    repairs: { waiting: 0, nextRequest, ask: nothing, want: nothing, drop: nothing },
    problems: { compare: () => nothing, met: nothing },
    steps: stepsOnce([]),
    now: () => performance.now(),
    event: nothing,
    soon: (act) => {
      setImmediate(() => void act())
    },
    over: async (findings) => over(findings),
  }
}
