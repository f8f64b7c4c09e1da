/**
 * Oracle for holds and rounds, G10:
 *
 *   no leak     while the agent's index says that the root is held, no receiver is, or becomes, further than that
 *   whole       a member of a round is never between the beginning and the end of that round
 *   not before  when the first is let go, each connected receiver has staged everything, or was told to leave
 *   fenced      and those that were told are not ready by then, unless they had their time to say so, once
 *   staged      who says it has staged, or comes back with it, has a row for each path, and in staging what the row names
 *   left        who was left behind, also while it was away, does not say that it is ready before it has caught up
 *   at once     those that have staged it are let go at the same moment: only their lines keep them apart
 *   turns       in a rolling release, who is let go has left: visitors do not come to it
 *   in bounds   what is sent of one round is not more than a receiver may stage
 *   in order    on a line that repeats nothing, neither side takes the other for a breaker of the protocol
 */
import { LIMITS } from '../../packages/protocol/src/index.ts'
import { rowsOf } from './database.ts'
import { epochOf, isAmidBurst, positionOf } from './judge-committed.ts'
import type { Machine } from './machine.ts'
import type { Line } from './network.ts'
import { INDEX_FILE, LEDGER_FILE, STATE, TARGET } from './places.ts'
import type { Frame } from './socket.ts'
import { Violation } from './violation.ts'
import { TurnWatch } from './watch-turns.ts'

/** The agent's own bound, less some time for its timers. */
const TIME_TO_LEAVE_MS = 1_900
/** Says that a receiver has taken up the welcome. */
const PROOFS: ReadonlySet<unknown> = new Set(['committed', 'left', 'staged', 'list', 'want', 'resynced'])
/** Who came while the decision was being written was told, and not waited for: so many calls of the disk. */
const LATE_MS = 5
const LATE_CALLS = 20

/** Those that are let go together are so within that, but for the coarse clock of timers. */
const AT_ONCE_MS = 1

interface Point {
  sequence: number
  epoch: string
}

interface Told {
  base: number
  /** The end of the last round when it came. */
  released: number
  prepared: number | null
  /** Changes that were sent of the present round. */
  changes: number
  staged: number
  /** It has dropped what it says to be staged, for want of room: this is all it says of it, and the line ends. */
  isDropped: boolean
  /** Also by the welcome. */
  left: number
  /** When it was told first, of what it has not answered; null: it has answered all. */
  unansweredMs: number | null
  /** Up to there others went on without it, as it knows. */
  heard: number
  hasRead: boolean
  /** As it has said. */
  isReady: boolean
  isFailing: boolean
  /** When it was told last. */
  toldMs: number
  committed: number
  /** Bytes of a segment or of an overtake that are still to come: nothing can be told before. */
  outstanding: number
  /** When the last of them began, and ended. */
  segment: { beganMs: number; endedMs: number }
}

export interface WatchedReceiver {
  machine: Machine
  /** Whether its own probes say that visitors may come. */
  isReady(): boolean
  /** Whether another directory is in the place of its target, which it has not seen yet. */
  isReplaced(): boolean
}

export class RoundWatch {
  readonly #agent: Machine
  readonly #receivers: ReadonlyMap<string, WatchedReceiver>
  readonly #lines: ReadonlySet<Line>
  readonly #now: () => number
  readonly #told = new Map<Line, Told>()
  readonly #repeating = new WeakSet<Line>()
  /** Of receivers that went back while the agent did not know. */
  readonly #past = new WeakSet<Line>()
  /** Of the hello. */
  readonly #epochs = new WeakMap<Line, unknown>()
  /** By the end of a round: when the first was told to leave. On a slow line others hear of it later. */
  readonly #fences = new Map<number, number>()
  /** The last round of each receiver that was a member of one. */
  readonly #members = new Map<string, { base: number; to: number; epoch: string | null }>()
  readonly turns = new TurnWatch()
  /** Rounds that go: others of their members may be told later, and who was away meanwhile learns it from the welcome. */
  readonly #gone = new Set<string>()
  /** By the end of a round, with its epoch: when the first of those that had staged it was let go. */
  readonly #letGo = new Map<string, number>()
  /** Commits of several changesets, and rounds of several receivers: a run without them proves nothing. */
  commits = 0

  constructor(parts: {
    agent: Machine
    receivers: ReadonlyMap<string, WatchedReceiver>
    lines: ReadonlySet<Line>
    now: () => number
  }) {
    this.#agent = parts.agent
    this.#receivers = parts.receivers
    this.#lines = parts.lines
    this.#now = parts.now
  }

  /** The machine of a receiver lost power, or its target was emptied: it may replay what it had. */
  goesBack(receiver: string): void {
    this.#members.delete(receiver)
    for (const line of this.#told.keys()) if (line.caller.receiver === receiver) this.#past.add(line)
  }

  /** @throws Violation */
  sent(line: Line, toAgent: boolean, frame: Frame): void {
    if (frame.kind === 'binary') {
      const told = this.#told.get(line)
      if (told !== undefined) {
        told.outstanding -= frame.data.byteLength
        told.segment.endedMs = this.#now()
      }
    }
    if (line.caller.quality.repeatsOneIn > 0) this.#repeating.add(line)
    if (frame.kind === 'close' && !this.#repeating.has(line)) refuseBreach(line, frame)
    if (frame.kind === 'close' && !toAgent) this.#told.delete(line)
    if (frame.kind !== 'text') return
    const message = JSON.parse(frame.data.toString()) as Record<string, unknown>
    if (message['type'] === 'hello') this.#hello(line, message)
    if (message['type'] === 'welcome') this.#told.set(line, newTold(message, this.#epochs.get(line)))
    const told = this.#told.get(line)
    if (told === undefined) return
    if (toAgent) this.#fromReceiver(line, told, message)
    else this.#fromAgent(line, told, message)
  }

  /** An answer counts when it is heard. */
  arrived(line: Line, toAgent: boolean, frame: Frame): void {
    const told = this.#told.get(line)
    if (!toAgent || told === undefined || frame.kind !== 'text') return
    const { type, sequence } = JSON.parse(frame.data.toString()) as Record<string, unknown>
    if (type === 'left' && Number(sequence) >= told.left) told.unansweredMs = null
  }

  /** A receiver's tree changes where visitors see it. @throws Violation */
  changing(receiver: Machine): void {
    const held = this.#held()
    const [intent] = rowsOf(receiver, LEDGER_FILE, 'SELECT body FROM intent')
    if (held === null || intent === undefined) return
    const body = JSON.parse(String(intent['body'])) as {
      position: { epoch: string; sequence: number } | null
      ahead: number | null
    }
    // What goes ahead is of the epoch in which the receiver stands.
    const shown = body.position ?? { epoch: positionOf(receiver)?.epoch, sequence: body.ahead ?? 0 }
    if (this.turns.has(receiver.name, shown.sequence)) return
    if (shown.epoch === held.epoch && shown.sequence > held.sequence)
      throw new Violation('G10', `${receiver.name} shows ${shown.sequence}, but the root is held at ${held.sequence}`)
  }

  /** @throws Violation */
  look(receiver: Machine): void {
    const position = positionOf(receiver)
    if (position === null) return
    const held = this.#held()
    const isTurned = this.turns.has(receiver.name, position.sequence)
    if (held?.epoch === position.epoch && position.sequence > held.sequence && !isTurned)
      throw new Violation(
        'G10',
        `${receiver.name} is at ${position.sequence}, but the root is held at ${held.sequence}`,
      )
    const round = this.#members.get(receiver.name)
    const isWithin = round?.epoch === position.epoch && position.sequence > round.base && position.sequence < round.to
    if (isWithin)
      throw new Violation('G10', `${receiver.name} is at ${position.sequence}, within the round to ${round.to}`)
  }

  #hello(line: Line, { epoch, prepared, target }: Record<string, unknown>): void {
    this.#epochs.set(line, epoch)
    if (target === 'empty') this.#members.delete(line.caller.receiver)
    const watched = this.#receivers.get(line.caller.receiver)
    const sequence = Number((prepared as { sequence?: number } | null)?.sequence ?? Number.NaN)
    if (watched !== undefined && !Number.isNaN(sequence)) refuseLies(watched.machine, sequence)
  }

  #fromReceiver(line: Line, told: Told, { type, sequence, ready, error }: Record<string, unknown>): void {
    if (type === 'left') told.heard = Math.max(told.heard, Number(sequence))
    // What it says first it says before it has taken up the welcome, as its probes do.
    if (PROOFS.has(type)) told.hasRead = true
    if (type === 'ready') told.isReady = ready === true
    if (type === 'failing') told.isFailing = error !== null
    if (type === 'committed' || type === 'resynced') told.committed = Number(sequence)
    if (told.isReady && told.hasRead && told.committed < told.heard)
      throw new Violation('G10', `${line.caller.receiver} is ready, and others went on to ${told.heard} without it`)
    if (told.isDropped && (type === 'staged' || type === 'committed'))
      throw new Violation('G10', `${line.caller.receiver} goes on to ${sequence}, but has dropped ${told.staged}`)
    if (type !== 'staged') return
    told.staged = Number(sequence)
    const watched = this.#receivers.get(line.caller.receiver)
    // What was staged below the target went with it: the receiver looks before it commits.
    if (watched === undefined || watched.isReplaced()) return
    told.isDropped = hasDropped(watched.machine, told.staged)
    if (!told.isDropped) refuseLies(watched.machine, told.staged)
  }

  #fromAgent(line: Line, told: Told, message: Record<string, unknown>): void {
    const to = Number(message['to'])
    switch (message['type']) {
      case 'changeset':
        if (message['request'] === null && told.prepared === null) told.base = Number(message['base'])
        if (message['request'] === null) told.changes += Number(message['changes'])
        if (told.changes > LIMITS.seriesChanges)
          throw new Violation('sound', `${line.caller.receiver} is sent ${told.changes} changes of one round`)
        return
      case 'segment':
      case 'overtake':
        told.outstanding = Number(message['bytes'] ?? 0)
        told.segment.beganMs = this.#now()
        return
      case 'prepare':
        // Said again, as all of the round is sent: what comes next is of another one.
        if (told.prepared === to) told.changes = 0
        told.prepared = to
        return
      case 'leave':
        // The highest counts: a hold may say so after the release that ends it.
        told.left = Math.max(told.left, to)
        if (!this.#fences.has(to)) this.#fences.set(to, this.#now())
        told.toldMs = this.#now()
        told.unansweredMs ??= Math.min(this.#fences.get(to) ?? this.#now(), this.#dueSince(told))
        return
      case 'commit': {
        told.changes = 0
        if (told.prepared === null) return
        told.prepared = null
        // A receiver that came when the round had gone already completes it.
        if (this.#isTurn(to)) this.#judgeTurn(line, told, to)
        else if (told.released < to) this.#judgeGo(to)
        const epoch = epochOf(this.#agent)
        if (!this.#isTurn(to) && told.released < to && told.staged >= to && told.left < to)
          this.#judgeAtOnce(line, `${epoch}/${to}`)
        // Who has lost power, or has not staged it for trouble with its disk, may replay it in parts.
        const mayLose = this.#past.has(line) || (told.isFailing && told.staged < to)
        if (told.left < to && !mayLose) this.#members.set(line.caller.receiver, { base: told.base, to, epoch })
        this.commits += 1
      }
    }
  }

  /** A frame that waits for room on its line comes later. */
  #judgeAtOnce({ caller: { receiver, quality, isStalled } }: Line, round: string): void {
    const first = this.#letGo.get(round) ?? this.#now()
    this.#letGo.set(round, first)
    if (isStalled || Number.isFinite(quality.rate)) return
    if (this.#now() - first > AT_ONCE_MS)
      throw new Violation(
        'G10',
        `${receiver} is let go ${this.#now() - first} ms after the first of the round ${round}`,
      )
  }

  #isTurn(to: number): boolean {
    const held = this.#held()
    return held !== null && held.sequence < to && this.turns.isRolling
  }

  #judgeTurn({ caller: { receiver } }: Line, told: Told, to: number): void {
    if (told.heard < to || this.#receivers.get(receiver)?.isReady() === true)
      throw new Violation('G10', `${receiver} has its turn up to ${to}, and has not left`)
    this.turns.turn(receiver, to)
  }

  /** A word that comes right after a segment may have been due since that began. */
  #dueSince({ segment }: Told): number {
    return segment.endedMs === this.#now() ? segment.beganMs : this.#now()
  }

  #judgeGo(to: number): void {
    const { hold, released } = this.#note()
    if (hold !== null && hold.sequence < to) throw new Violation('G10', `commit to ${to} of a root that is still held`)
    // What an earlier connection left is completed later.
    if (released?.sequence !== to) return
    const round = `${released.epoch}/${to}`
    if (this.#gone.has(round)) return
    this.#gone.add(round)
    for (const line of this.#lines) {
      const told = this.#told.get(line)
      if (told === undefined || line.isCut || line.server.isClosed) continue
      if (told.staged >= to || told.committed >= to || told.outstanding > 0) continue
      const { receiver } = line.caller
      if (told.left < to) throw new Violation('G10', `commit to ${to} although ${receiver} has not staged it`)
      const ago = told.unansweredMs === null ? null : this.#now() - told.unansweredMs
      const isNews = this.#now() - told.toldMs <= LATE_MS + LATE_CALLS * this.#agent.mostCallMs
      const hadTime = ago !== null && (isNews || ago >= TIME_TO_LEAVE_MS)
      // A new line that carries nothing: the word was due on the one before already.
      const isDeaf = ago !== null && line.caller.isStalled
      if (!hadTime && !isDeaf && this.#receivers.get(receiver)?.isReady() === true)
        throw new Violation('G10', `commit to ${to} although ${receiver} is ready and shows something older`)
    }
  }

  get isHeld(): boolean {
    return this.#held() !== null
  }

  #held(): Point | null {
    const { hold } = this.#note()
    if (hold === null) this.turns.ends()
    return hold
  }

  #note(): { hold: Point | null; released?: Point } {
    const [row] = rowsOf(this.#agent, INDEX_FILE, "SELECT value FROM meta WHERE name = 'hold'")
    return row === undefined ? { hold: null } : JSON.parse(String(row['value']))
  }
}

function newTold({ released, sequence, start, epoch }: Record<string, unknown>, known: unknown): Told {
  const committed = start === 'replay' ? Number(sequence) : -1
  const heard = epoch === known ? Number(released) : -1
  const nothing = {
    prepared: null,
    changes: 0,
    staged: -1,
    isDropped: false,
    unansweredMs: null,
    toldMs: 0,
    hasRead: false,
    isReady: false,
    isFailing: false,
    outstanding: 0,
  }
  const segment = { beganMs: 0, endedMs: 0 }
  return { base: 0, released: Number(released), left: Number(released), committed, heard, segment, ...nothing }
}

/** A message that was not due, and more than the other may send. */
const BREACHES: ReadonlySet<number> = new Set([4401, 4402])

function refuseBreach({ caller }: Line, { code, reason }: Extract<Frame, { kind: 'close' }>): void {
  if (BREACHES.has(code) && reason !== '')
    throw new Violation('sound', `the line of ${caller.receiver} ends with ${code}: ${reason}`)
}

function hasDropped(machine: Machine, sequence: number): boolean {
  const isCommitted = (positionOf(machine)?.sequence ?? -1) >= sequence
  return !isCommitted && rowsOf(machine, LEDGER_FILE, 'SELECT upto FROM series').length === 0
}

function refuseLies(machine: Machine, sequence: number): void {
  if ((positionOf(machine)?.sequence ?? -1) >= sequence) return
  const [series] = rowsOf(machine, LEDGER_FILE, 'SELECT upto FROM series')
  if (series === undefined || Number(series['upto']) < sequence)
    throw new Violation('G10', `${machine.name} says that ${sequence} is staged, its ledger does not`)
  // What it said may reach the line when the burst is under way, which is carried through whatever happens.
  if (isAmidBurst(machine)) return
  for (const row of rowsOf(machine, LEDGER_FILE, 'SELECT path, change FROM staged WHERE change IS NOT NULL')) {
    const change = JSON.parse(String(row['change'])) as { staged?: string | null }
    if (typeof change.staged !== 'string') continue
    const places = [`${STATE}/roots/shop/staging`, `${TARGET}/.rootferry/staging`]
    if (places.every((place) => machine.disk.find(`${place}/${change.staged}`) === null))
      throw new Violation('G10', `${machine.name} says that ${sequence} is staged, but ${row['path']} is not`)
  }
}
