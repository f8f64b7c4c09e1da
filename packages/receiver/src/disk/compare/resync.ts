/**
 * A resync: reads the agent's listing, part by part, has it compared with the target, and asks for what has to come
 * from the agent.
 *
 *   advance ─▶ list ─▶ listing ─▶ Comparison, step by step ─▶ wants ─▶ answers ─▶ over
 *
 * An automatic one takes the target from nothing known to the position of the welcome. One that the agent asked for
 * runs while changesets come in, and reports. Memory does not grow with the tree: the next listing is only asked for
 * when few wants and listings wait.
 */

import { plainMessage } from '@rootferry/host/machine'
import { type List, type Listing, ProtocolError, type ResyncProgress, ROOT_PATH } from '@rootferry/protocol'
import type { Repairs } from '../debts/repairs.ts'
import type { Target } from '../target.ts'
import { Comparison } from './comparison.ts'
import { Findings } from './findings.ts'
import { countObjects } from './local-scan.ts'
import type { Check } from './reconcile.ts'

const MOST_WAITING = 4_000
const MOST_PAGES = 2

export interface ResyncScope {
  /** By which the agent calls it; null: automatic, and as a dry run the first look before that. */
  id: number | null
  within: readonly string[]
  check: Check
  isDryRun: boolean
}

/** Before a first join does anything: how much that will be, from size and time alone. */
export const FIRST_LOOK: ResyncScope = { id: null, within: [ROOT_PATH], check: 'metadata', isDryRun: true }

export const WHOLE_TARGET: ResyncScope = { id: null, within: [ROOT_PATH], check: 'strict', isDryRun: false }

export interface ResyncOutput {
  send(message: List): void
  problem(path: string, error: unknown): void
}

/** How an answer to a want ended. */
export interface Answered {
  /** What it had been asked for. */
  paths: readonly string[]
  /** Those that are not right yet, and why if that is known. */
  unrepaired: ReadonlyMap<string, string>
  bytes: number
}

export class Resync {
  readonly scope: ResyncScope
  readonly findings = new Findings()
  readonly #repairs: Repairs
  readonly #out: ResyncOutput
  readonly #comparison: Comparison
  /** What was asked for and has not come. */
  readonly #wanted = new Set<string>()
  /** The list request that is open, or null. */
  #request: { number: number; top: string | null } | null = null
  /** Where the next list request begins; null: the listings are at their end. */
  #next: { path: number; after: string | null } | null = { path: 0, after: null }
  #isCancelled = false

  constructor(target: Target, repairs: Repairs, out: ResyncOutput, scope: ResyncScope) {
    this.scope = scope
    this.#repairs = repairs
    this.#out = out
    const { findings } = this
    this.#comparison = new Comparison(target, scope, {
      checked: (entries) => {
        findings.checked += entries
      },
      found: (path, kind) => findings.note(path, kind),
      lacks: (bytes) => {
        findings.missingBytes += bytes
      },
      leaves: (path) => {
        if (scope === FIRST_LOOK) findings.leaving += countObjects(target.confined, path)
      },
      want: (path, size, digest) => {
        this.#wanted.add(path)
        repairs.want(path, digest, size)
      },
      repaired: () => {
        findings.repaired += 1
      },
      failed: (path, error) => {
        findings.fail(path, plainMessage(error))
        out.problem(path, error)
      },
    })
    this.advance()
  }

  /** Whether a listing waits to be compared. */
  get hasWork(): boolean {
    return this.#comparison.hasWork
  }

  /** Asks for more, as far as it may. @returns whether everything is compared and repaired */
  advance(): boolean {
    this.#repairs.ask()
    const path = this.#next === null ? undefined : this.scope.within[this.#next.path]
    if (this.#next !== null && path !== undefined && this.#request === null && this.#hasRoom()) {
      const number = this.#repairs.nextRequest()
      const { after } = this.#next
      this.#request = { number, top: after === null && path !== ROOT_PATH ? path : null }
      const digests = this.scope.check !== 'metadata'
      this.#out.send({ type: 'list', request: number, within: path, after, digests })
    }
    return this.#next === null && this.#request === null && !this.hasWork && this.#wanted.size === 0
  }

  /** Takes a listing, to be compared by `step`; asks for the next one. @throws ProtocolError when it was not asked for */
  take(listing: Listing): void {
    const request = this.#request
    if (request?.number !== listing.request) throw new ProtocolError('unexpected-message', 'a listing not asked for')
    this.#request = null
    if (this.#isCancelled || this.#next === null) return
    const { path } = this.#next
    if (listing.next !== null) this.#next = { path, after: listing.next }
    else this.#next = path + 1 < this.scope.within.length ? { path: path + 1, after: null } : null
    this.#comparison.take(listing, request.top)
    this.advance()
  }

  /** Compares for a while; may be called again after a disk error. @throws the system error */
  step(isDue: () => boolean): void {
    this.#comparison.step(isDue)
  }

  /** A commit has changed these paths. */
  touch(paths: Iterable<string>): void {
    this.#comparison.touch(paths)
  }

  answered({ paths, unrepaired, bytes }: Answered): void {
    let isOurs = false
    for (const path of paths) {
      if (!this.#wanted.delete(path)) continue
      isOurs = true
      const why = unrepaired.get(path)
      if (why === undefined) this.findings.repaired += 1
      // What the agent could not read comes as a change when it can.
      else if (why !== '') this.findings.fail(path, why)
    }
    if (isOurs) this.findings.bytes += bytes
  }

  /** Nothing more is begun; what is being answered is still taken. */
  cancel(): void {
    this.#isCancelled = true
    this.#next = null
    this.end()
    for (const path of this.#wanted) this.#repairs.drop(path)
    this.#wanted.clear()
  }

  /** Lets go of what a comparison holds. */
  end(): void {
    this.#comparison.end()
  }

  /** The end, once `advance` has said so. */
  get outcome(): Exclude<ResyncProgress['state'], 'running'> {
    if (this.#isCancelled) return 'cancelled'
    return this.findings.hasFailed ? 'failed' : 'done'
  }

  #hasRoom(): boolean {
    return this.#repairs.waiting < MOST_WAITING && this.#comparison.pages < MOST_PAGES
  }
}
