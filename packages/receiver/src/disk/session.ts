/**
 * The receiver's side of one root's conversation, from welcome to disconnect, one message at a time and in order.
 *
 *   waiting ─ welcome(replay) ─▶ replaying ─ committed ≥ head, nothing owed ─▶ live
 *      └───── welcome(resync) ─▶ resyncing ─ all compared and repaired ─▶ replaying
 *
 * Every method waits until its step is done, which on a full disk can take long. INVARIANT: `committed` is sent after
 * the ledger says so, and the cursor of a connection moves only by changesets that begin where it stands.
 */

import { Buffer } from 'node:buffer'
import { freeMemory } from '@rootferry/host/machine'
import {
  type Changeset,
  type Commit,
  decodeToReceiver,
  type Listing,
  ProtocolError,
  type ResyncOrder,
  type Segment,
  type ToAgent,
  type Welcome,
} from '@rootferry/protocol'
import type { DiskEvent, Phase } from '../root-messages.ts'
import type { BurstOutcome } from './commit/burst.ts'
import { commitIntent } from './commit/commit.ts'
import type { Durability } from './commit/durability.ts'
import type { Findings } from './compare/findings.ts'
import { type Answered, FIRST_LOOK, type ResyncScope, WHOLE_TARGET } from './compare/resync.ts'
import { ResyncRun } from './compare/resync-run.ts'
import type { Problems } from './debts/problems.ts'
import { Repairs } from './debts/repairs.ts'
import type { DiskSteps } from './files/disk-retry.ts'
import { stripSetId } from './files/set-id.ts'
import { Incoming } from './stage/incoming.ts'
import { FrameCollector, unpackSegment } from './stage/unpacker.ts'
import type { Target } from './target.ts'

const NO_BYTES = Buffer.alloc(0)

export interface SessionParts {
  target: Target
  durability: Durability
  problems: Problems
  steps: DiskSteps
  /** Milliseconds, for durations only. */
  now(): number
  send(message: ToAgent): void
  /** The agent may be told things from now on. */
  welcomed(): void
  event(event: DiskEvent): void
  /** Has `act` called in its turn among the messages, unless the connection has ended by then. */
  later(ms: number, act: () => void): void
  /** The same at once, after what has come in meanwhile. */
  soon(act: () => Promise<void>): void
}

/** What a hello told the agent: the answer is held against it. */
export interface Greeting {
  epoch: string | null
  sequence: number
  target: 'empty' | 'populated'
}

export class Session {
  readonly #parts: SessionParts
  readonly #greeting: Greeting
  readonly #frames = new FrameCollector()
  readonly #repairs: Repairs
  #welcome: Welcome | null = null
  #resync: ResyncRun | null = null
  /** Where the next changeset has to begin; null while an automatic resync is under way. */
  #cursor: number | null = null
  #head = 0
  #isLive = false
  #incoming: { changeset: Incoming; startedAt: number } | null = null
  #segment: Segment | null = null
  #staged = { entries: 0, bytes: 0 }

  constructor(parts: SessionParts, greeting: Greeting) {
    this.#parts = parts
    this.#greeting = greeting
    this.#repairs = new Repairs(parts)
  }

  /** Whether welcome has come: before it nothing may be sent but the hello. */
  get isWelcome(): boolean {
    return this.#welcome !== null
  }

  /** @throws ProtocolError when the agent broke the protocol */
  async text(frame: Uint8Array): Promise<void> {
    if (this.#frames.isCollecting)
      throw new ProtocolError('unexpected-message', 'a message amid the bytes of a segment')
    const message = decodeToReceiver(frame)
    if (!this.#parts.target.allowsSetId) stripSetId(message)
    if (this.#welcome === null) {
      if (message.type !== 'welcome') throw new ProtocolError('unexpected-message', `${message.type} before welcome`)
      await this.#begin(message)
      return
    }
    switch (message.type) {
      case 'welcome':
        throw new ProtocolError('unexpected-message', 'a second welcome')
      case 'changeset':
        this.#beginChangeset(message, this.#welcome)
        return
      case 'segment':
        await this.#beginSegment(message)
        return
      case 'commit':
        await this.#commit(message, this.#welcome)
        return
      case 'listing':
        await this.#listing(message, this.#welcome)
        return
      case 'resync':
        this.#beginResync(message)
        return
      case 'cancel-resync':
        if (this.#resync?.scope.id === message.id) await this.#resync.cancel()
    }
  }

  /** @throws ProtocolError when the agent broke the protocol */
  async bytes(frame: Uint8Array): Promise<void> {
    const packed = this.#frames.add(frame)
    if (packed !== null && this.#segment !== null) await this.#stage(this.#segment, packed)
  }

  /** The connection ended: what it left unfinished goes, but slices stay. */
  async end(): Promise<void> {
    const { target, steps } = this.#parts
    this.#incoming = null
    this.#resync?.end()
    target.partials.interrupt()
    target.confined.release()
    // What an unfinished burst has staged is still needed.
    if (!target.ledger.hasIntent) await steps.untilDone(() => target.area.tidy(target.partials.stagedNames()))
  }

  async #begin(welcome: Welcome): Promise<void> {
    const { target, problems, steps } = this.#parts
    const { ledger, untouchable, partials } = target
    const { epoch, term, sequence, head, filter, start } = welcome
    if (head < sequence) throw new ProtocolError('unexpected-message', 'a welcome beyond the head')
    if (start === 'replay') this.#checkReplay(welcome)
    this.#welcome = welcome
    this.#head = head
    await steps.whileConnected(() => {
      ledger.setFilter(filter)
      partials.beginEpoch(epoch)
      if (start === 'replay' && ledger.position?.epoch === epoch) return
      // What is owed was owed to what the target was; a comparison or a copy from nothing finds out anew.
      ledger.forgetPosition()
      ledger.clearOwed()
      problems.clear()
      if (start === 'replay') ledger.setPosition({ epoch, term, sequence })
    })
    untouchable.setExcluded(filter)
    this.#parts.welcomed()
    if (start === 'resync') {
      this.#phase('resyncing')
      this.#resync = this.#startResync(this.#greeting.epoch === null ? FIRST_LOOK : WHOLE_TARGET)
      return
    }
    this.#cursor = sequence
    this.#phase('replaying')
    this.#repairs.askForOwed()
    this.#checkLive()
  }

  /** A replay has to go on where the target stands; into another epoch only from nothing. */
  #checkReplay({ epoch, sequence }: Welcome): void {
    const { epoch: ours, sequence: reached, target } = this.#greeting
    const goesOn = epoch === ours ? sequence === reached : target === 'empty' && sequence === 0
    if (!goesOn) throw new ProtocolError('unexpected-message', `a replay from ${sequence} does not start where we are`)
  }

  #beginChangeset(header: Changeset, { epoch }: Welcome): void {
    if (this.#incoming !== null) throw new ProtocolError('unexpected-message', 'a changeset within another')
    if (header.request === null ? header.from !== this.#cursor : !this.#repairs.isOpen(header.request)) {
      throw new ProtocolError('unexpected-message', `a changeset from ${header.from} that was not due`)
    }
    if (header.to < header.from) throw new ProtocolError('unexpected-message', 'a changeset that goes back')
    this.#head = Math.max(this.#head, header.head)
    const changeset = new Incoming(header, this.#parts.target, epoch)
    this.#incoming = { changeset, startedAt: this.#parts.now() }
  }

  async #beginSegment(segment: Segment): Promise<void> {
    if (this.#incoming === null) throw new ProtocolError('unexpected-message', 'a segment without a changeset')
    this.#incoming.changeset.describe(segment)
    this.#segment = segment
    this.#frames.begin(segment.bytes)
    if (segment.bytes === 0) await this.#stage(segment, NO_BYTES)
  }

  async #stage(segment: Segment, packed: Buffer): Promise<void> {
    const { steps, event } = this.#parts
    const changeset = this.#incoming?.changeset
    this.#segment = null
    const contents = await unpackSegment(segment, packed)
    if (changeset === undefined) return
    const before = changeset.bytes
    await steps.whileConnected(changeset.stager(segment, contents))
    if (segment.encoding === 'zstd') for (const { bytes } of contents) freeMemory(bytes)
    this.#staged.entries += segment.changes.length
    this.#staged.bytes += changeset.bytes - before + (segment.slice?.length ?? 0)
    event({ type: 'progress', ...this.#staged })
    if (segment.bytes > 0) event({ type: 'consumed', bytes: segment.bytes })
  }

  async #commit(commit: Commit, { epoch, term }: Welcome): Promise<void> {
    const { target, problems, steps } = this.#parts
    const incoming = this.#incoming
    if (incoming === null) throw new ProtocolError('unexpected-message', 'a commit without a changeset')
    const { changeset } = incoming
    const { request, to } = changeset.header
    await steps.whileConnected(changeset.completer(commit))
    target.confined.release()
    const position = request === null ? { epoch, term, sequence: to } : null
    const cleared = request === null ? settledPaths(changeset, target) : this.#repairs.answered(request)
    // What an answer left out could not be read by the agent just now.
    const unanswered = request === null ? [] : cleared.filter((path) => !changeset.has(path))
    const owed = [...changeset.owed, ...unanswered]
    const intent = { changes: changeset.staged, before: [], position, cleared, owed }
    const outcome = await commitIntent(target, intent, changeset.paths, steps)
    this.#incoming = null
    if (request === null) this.#cursor = to
    this.#tellCommitted(changeset, outcome.tally, incoming.startedAt)
    for (const touched of target.hooks.of(changeset.staged)) this.#parts.event({ type: 'touched', ...touched })
    reportProblems(outcome, this.#parts.problems, this.#parts.event)
    problems.mended(rightPaths(changeset.paths, owed, outcome))
    this.#repairs.add(outcome, request !== null)
    this.#resync?.committed(changeset.paths, request === null ? null : answerOf(cleared, changeset, owed, outcome))
    await this.#resync?.proceed()
    this.#checkLive()
  }

  #tellCommitted(
    changeset: Incoming,
    tally: { added: number; changed: number; removed: number },
    startedAt: number,
  ): void {
    const { target, durability, send, event, now } = this.#parts
    const { request, to, head } = changeset.header
    if (request === null) send({ type: 'committed', sequence: to })
    else send({ type: 'repaired', request })
    const { bytes, entries } = changeset
    const ms = now() - startedAt
    event({ type: 'committed', sequence: to, head, repair: request !== null, ...tally, bytes, entries, ms })
    durability.committed(changeset.paths, target.ledger.position)
  }

  async #listing(listing: Listing, welcome: Welcome): Promise<void> {
    if (this.#incoming !== null) throw new ProtocolError('unexpected-message', 'a listing within a changeset')
    if (this.#resync === null) throw new ProtocolError('unexpected-message', 'a listing without a resync')
    if (this.#cursor !== null && listing.sequence > this.#cursor) {
      throw new ProtocolError('unexpected-message', 'a listing ahead of the changes that lead to it')
    }
    this.#head = Math.max(this.#head, listing.sequence, welcome.head)
    await this.#resync.listing(listing)
    this.#checkLive()
  }

  #beginResync({ id, within, check, dryRun }: ResyncOrder): void {
    if (this.#cursor === null || this.#resync !== null || this.#incoming !== null) {
      throw new ProtocolError('unexpected-message', 'a resync amid something else')
    }
    this.#resync = this.#startResync({ id, within, check, isDryRun: dryRun })
  }

  #startResync(scope: ResyncScope): ResyncRun {
    const over = (findings: Findings) => {
      if (scope === FIRST_LOOK) return this.#endFirstLook(findings)
      return scope.id === null ? this.#endAutomatic() : this.#endAskedFor(scope)
    }
    return new ResyncRun({ ...this.#parts, repairs: this.#repairs, over }, scope)
  }

  /** Tells what is going to be done, and goes about it. */
  async #endFirstLook({ checked, missing, changed, missingBytes, leaving }: Findings): Promise<void> {
    const { target, event } = this.#parts
    const right = checked - missing - changed
    const trash = target.trash.location
    event({
      type: 'first-join',
      plan: { right, missing, missingBytes, differing: changed, extraneous: leaving, trash },
    })
    this.#resync = this.#startResync(WHOLE_TARGET)
  }

  async #endAutomatic(): Promise<void> {
    const { target, steps, durability, send } = this.#parts
    if (this.#welcome === null) return
    const { epoch, term, sequence } = this.#welcome
    const position = { epoch, term, sequence }
    await this.#tidy()
    await steps.whileConnected(() => target.ledger.setPosition(position))
    this.#resync = null
    this.#cursor = sequence
    send({ type: 'resynced', sequence })
    durability.committedMuch(position)
    this.#phase('replaying')
    this.#checkLive()
  }

  async #endAskedFor({ isDryRun }: ResyncScope): Promise<void> {
    const { target, durability } = this.#parts
    this.#resync = null
    await this.#tidy()
    if (!isDryRun && target.ledger.position !== null) durability.committedMuch(target.ledger.position)
  }

  /** Unless something is staged that will be needed. */
  async #tidy(): Promise<void> {
    const { target, steps } = this.#parts
    if (this.#incoming === null) await steps.whileConnected(() => target.area.tidy(target.partials.stagedNames()))
  }

  #checkLive(): void {
    if (this.#isLive || this.#cursor === null) return
    if (this.#cursor < this.#head || this.#parts.target.ledger.owedCount > 0) return
    this.#isLive = true
    this.#phase('live')
  }

  #phase(phase: Phase): void {
    this.#parts.event({ type: 'phase', phase })
  }
}

/** What an answer brought, and what of it is not right yet. */
function answerOf(paths: string[], changeset: Incoming, owed: readonly string[], outcome: BurstOutcome): Answered {
  const unrepaired = new Map([...outcome.owed, ...outcome.failed].map((path) => [path, 'could not be made right']))
  for (const { path, message } of outcome.problems) unrepaired.set(path, message)
  for (const path of owed) unrepaired.set(path, '')
  const received = changeset.staged.filter((change) => change.kind === 'file' && change.staged !== null)
  const bytes = received.reduce((sum, change) => sum + (change.kind === 'file' ? change.size : 0), 0)
  return { paths, unrepaired, bytes }
}

/** Paths of a changeset that are as it says now. */
function rightPaths(paths: Iterable<string>, owed: readonly string[], outcome: BurstOutcome): string[] {
  const wrong = new Set([...owed, ...outcome.owed, ...outcome.failed, ...outcome.problems.map(({ path }) => path)])
  return [...paths].filter((path) => !wrong.has(path))
}

/** Owed paths that the changeset makes right; one that keeps its content does not. */
function settledPaths(changeset: Incoming, { ledger }: Target): string[] {
  if (ledger.owedCount === 0) return []
  return changeset.staged.filter((change) => change.kind !== 'file' || change.staged !== null).map(({ path }) => path)
}

const MOST_REPORTED = 100

/** Shows what could not be made right; the paths are owed besides. */
export function reportProblems(outcome: BurstOutcome, known: Problems, event: (event: DiskEvent) => void): void {
  for (const problem of outcome.problems.slice(0, MOST_REPORTED)) known.note(problem, 'commit')
  const unreported = outcome.problems.length - MOST_REPORTED
  if (unreported > 0) {
    event({ type: 'log', level: 'warn', message: 'more paths could not be made right', details: { unreported } })
  }
  const [path] = outcome.unrestored
  if (path !== undefined) {
    const message = 'directories of other owners keep the time that the commit left them with'
    event({ type: 'log', level: 'warn', message, details: { directories: outcome.unrestored.length, path } })
  }
  const [border] = outcome.bordered
  if (border !== undefined) {
    const message = 'directories that the agent has no more stay, because other filesystems are mounted in them'
    event({ type: 'log', level: 'warn', message, details: { directories: outcome.bordered.length, path: border } })
  }
}
