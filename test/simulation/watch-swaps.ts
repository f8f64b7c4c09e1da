/**
 * Oracle for the order of symlinks (the last sentence of G3): while a symlink in a target leads to a release, all of that
 * release is there. So it comes after everything that was written before it was pointed elsewhere, and before what was
 * removed after that.
 *
 * Judged before each change of a target and after each turn. Not promised, and not judged until it holds again: a first
 * sync, a resync, a loss of power, another directory in the place of the target, a disk in trouble, while a path is owed,
 * and while a receiver catches up with two swaps or more, of which only the last is told to it, or with one that leads to
 * what has gone at the source since, or was recorded again: beyond the end of a round, or with more than a changeset holds between the two. With polling there is no order of events to keep.
 */
import { baseName, LIMITS, parentPath } from '../../packages/protocol/src/index.ts'
import { rowsOf } from './database.ts'
import type { Deploys } from './deploys.ts'
import { CURRENT } from './deploys.ts'
import type { DiskChange } from './disk.ts'
import { owedBy, positionOf } from './judge-committed.ts'
import type { Machine } from './machine.ts'
import type { Line } from './network.ts'
import { INDEX_FILE, SOURCE, TARGET } from './places.ts'
import type { Settings } from './settings.ts'
import type { Frame } from './socket.ts'
import { type Look, lookOf } from './tree-look.ts'
import { Violation } from './violation.ts'
import type { ReceiverHost } from './world.ts'

const SEQUENCE = `SELECT sequence, target FROM entries JOIN directories ON id = entries.directory
  WHERE path = 'site' AND entries.name = 'current'`
const SEQUENCE_OF = `SELECT sequence FROM entries JOIN directories ON id = entries.directory
  WHERE path = ? AND entries.name = ?`
const ROWS_WITHIN = 'SELECT count(*) AS rows FROM entries WHERE sequence > ? AND sequence <= ?'

export class SwapWatch {
  readonly #deploys: Deploys
  readonly #agent: Machine
  /** Receivers of which nothing is promised until their target is right again. */
  readonly #upset = new Set<string>()
  /** The sequences that the symlink has had in the agent's index, oldest first. */
  #sequences: number[] = []
  /** The last two that it has led to there. */
  #targets: string[] = []
  /** By receiver: what its symlink led to when all of that was there. */
  readonly #whole = new Map<string, string>()
  /** By receiver, for the end of each changeset: how far the source could be told. */
  readonly #heads = new Map<string, Map<number, number>>()
  /** What was taken away last. */
  #leaving: string | null = null

  /** How changes are noticed. */
  readonly #backend: Settings['backend']

  constructor(deploys: Deploys, backend: Settings['backend'], agent: Machine) {
    this.#deploys = deploys
    this.#agent = agent
    this.#backend = backend
  }

  upsets(receiver: string): void {
    this.#upset.add(receiver)
  }

  sent({ caller }: Line, toAgent: boolean, frame: Frame): void {
    if (frame.kind !== 'text') return
    const { type, start, to, head } = JSON.parse(frame.data.toString()) as Record<string, unknown>
    if (type === 'changeset') this.#headsOf(caller.receiver).set(Number(to), Number(head))
    if (toAgent ? type === 'resynced' : type === 'welcome' && start === 'replay') caller.isComparing = false
    else if (type === 'welcome') caller.isComparing = true
  }

  /** After each turn. */
  note(): void {
    const [row] = rowsOf(this.#agent, INDEX_FILE, SEQUENCE)
    if (row === undefined) return
    const sequence = Number(row['sequence'])
    if (sequence < (this.#sequences.at(-1) ?? 0)) this.#sequences = []
    if (sequence > (this.#sequences.at(-1) ?? 0)) this.#sequences.push(sequence)
    const target = String(row['target'])
    if (target !== this.#targets.at(-1)) this.#targets = [...this.#targets.slice(-1), target]
  }

  /** Before a change of a target. @throws Violation */
  changing(host: ReceiverHost, change: DiskChange, path: string): void {
    const isRename = change === 'attach' && path === this.#leaving
    this.#leaving = change === 'detach' ? path : null
    // A rename takes away what it replaces in the same step.
    if (!isRename) this.#judge(host, false)
  }

  /** After a turn. @throws Violation */
  judge(host: ReceiverHost): void {
    this.#judge(host, true)
  }

  #judge(host: ReceiverHost, rests: boolean): void {
    const { machine } = host
    if (this.#backend === 'polling') return
    const current = machine.disk.find(`${TARGET}/${CURRENT}`)
    if (current?.kind !== 'symlink') return
    const whole = this.#deploys.wholeOf(current.target)
    if (this.#isExcused(host)) this.#upset.add(machine.name)
    // What it missed of a replay in parts it gets with the last of them.
    if (!this.#targets.includes(current.target)) this.#upset.add(machine.name)
    const isUpset = this.#upset.has(machine.name)
    if (whole === null || (isUpset && !rests)) return
    const missing = [...whole].find(([path, look]) => !isThere(host, path, look))
    const wasWhole = this.#whole.get(machine.name) === current.target
    if (missing === undefined) {
      this.#whole.set(machine.name, current.target)
      if (rests && !this.#isExcused(host)) this.#upset.delete(machine.name)
    } else if (!wasWhole && this.#isUntold(host, missing[0], rests)) this.#upset.add(machine.name)
    else if (!isUpset)
      throw new Violation('G3', `current of ${machine.name} leads to ${current.target}, where ${missing[0]} is not`)
  }

  /** Whether a path has gone at the source, or was recorded too far beyond what the receiver has. */
  #isUntold({ machine }: ReceiverHost, path: string, rests: boolean): boolean {
    if (this.#agent.disk.find(`${SOURCE}/${path}`) === null) return true
    const [own] = rowsOf(this.#agent, INDEX_FILE, SEQUENCE_OF, parentPath(path), baseName(path))
    const sequence = Number(own?.['sequence'])
    const from = positionOf(machine)?.sequence ?? 0
    const heads = [...this.#headsOf(machine.name)].sort(([one], [other]) => one - other)
    const [, head = 0] = heads.find(([to]) => (rests ? to >= from : to > from)) ?? []
    if (sequence > head) return true
    const [row] = rowsOf(this.#agent, INDEX_FILE, ROWS_WITHIN, from, sequence)
    return Number(row?.['rows']) > LIMITS.changesetChanges
  }

  #headsOf(receiver: string): Map<number, number> {
    const known = this.#heads.get(receiver) ?? new Map<number, number>()
    this.#heads.set(receiver, known)
    return known
  }

  #isExcused(host: ReceiverHost): boolean {
    const { machine, isReplaced, isUnread } = host
    if (isReplaced || isUnread || machine.isInTrouble || machine.isTight) return true
    const position = positionOf(machine)
    if (host.caller.isComparing || position === null) return true
    if (this.#sequences.filter((sequence) => sequence > position.sequence).length > 1) return true
    return owedBy(machine).size > 0
  }
}

/** The time of a directory is right when all of the changeset is there, and that of a link is its own. */
function isThere({ machine }: ReceiverHost, path: string, look: Look): boolean {
  const inode = machine.disk.find(`${TARGET}/${path}`)
  if (inode === null) return false
  if (inode.kind === 'directory') return look.outside.startsWith('directory')
  const found = lookOf(inode)
  return found.outside === look.outside && found.digest === look.digest
}
