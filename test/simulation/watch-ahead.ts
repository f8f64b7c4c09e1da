/**
 * Oracle for changes that overtake a changeset:
 *
 *   apart      what overtakes a changeset has no path of it, and none above or below one, but for directories that stay
 *   shown      who says that it is visible shows it, or what came later
 *   not back   on the same connection no file that went ahead is ever an earlier one again
 *   one        the next comes when the last one is visible
 */
import type { PathFilter } from '../../packages/protocol/src/index.ts'
import { owedBy } from './judge-committed.ts'
import type { Line } from './network.ts'
import { TARGET } from './places.ts'
import type { Frame } from './socket.ts'
import { ABSENT, type Look, lookOf, outside, pathsInTheWay } from './tree-look.ts'
import { Violation } from './violation.ts'
import type { Workload } from './workload.ts'
import type { ReceiverHost } from './world.ts'

interface Change {
  path: string
  kind: 'absent' | 'directory' | 'file' | 'symlink'
  mode?: number
  uid?: number
  gid?: number
  mtime?: number
  size?: number
  digest?: string
}

interface Told {
  /** Of the changeset that is being sent. */
  changed: Map<string, Change['kind']>
  ahead: Map<string, Change['kind']>
  /** Sent, and not said to be visible. */
  pending: { to: number; changes: Change[] } | null
  /** By path: the first state in the path's history that it may be in. */
  shown: Map<string, number>
}

interface AheadParts {
  hosts: () => readonly ReceiverHost[]
  workload: () => Workload
  /** Whether the path is on a volume that others write to as well, or that may not be mounted: SharedVolume judges it. */
  isWrittenByOthers: (path: string) => boolean
}

export class AheadWatch {
  readonly #parts: AheadParts
  readonly #told = new WeakMap<Line, Told>()
  /** Lines over which a frame came twice, or may have: it is answered twice. */
  readonly #repeating = new WeakSet<Line>()
  /** How often something was visible ahead of a changeset: a run without them proves nothing. */
  overtakes = 0

  constructor(parts: AheadParts) {
    this.#parts = parts
  }

  /** @throws Violation */
  sent(line: Line, toAgent: boolean, frame: Frame): void {
    if (line.caller.quality.repeatsOneIn > 0) this.#repeating.add(line)
    if (frame.kind !== 'text') return
    const message = JSON.parse(frame.data.toString()) as Record<string, unknown>
    const told = this.#told.get(line) ?? { changed: new Map(), ahead: new Map(), pending: null, shown: new Map() }
    this.#told.set(line, told)
    if (toAgent) this.#fromReceiver(line, told, message)
    else fromAgent(told, message)
  }

  #fromReceiver(line: Line, told: Told, { type, sequence }: Record<string, unknown>): void {
    const host = this.#parts.hosts().find(({ caller }) => caller === line.caller)
    if (host === undefined) return
    // An answer to a want is of its own time.
    if (type === 'repaired') told.shown.clear()
    if (type === 'overtaken') {
      const { pending } = told
      if (pending === null && this.#repeating.has(line)) return
      if (pending === null || pending.to !== sequence)
        throw new Violation('sound', `${line.caller.receiver} says ${sequence} is ahead, which was not sent`)
      told.pending = null
      this.overtakes += 1
      for (const change of pending.changes) this.#note(told, change)
    }
    if (type === 'overtaken' || type === 'committed') this.#judge(host, told)
  }

  #note({ shown }: Told, change: Change): void {
    if (change.kind === 'directory') return
    const wanted = lookOfChange(change)
    const history = this.#parts.workload().history(change.path)
    const least = shown.get(change.path) ?? 0
    const first = history.findIndex((look, at) => at >= least && isSame(look, wanted))
    if (first >= 0) shown.set(change.path, first)
    else throw new Violation('G4', `${change.path} goes ahead as ${wanted.outside}, which it never was after the last`)
  }

  #judge({ machine, untouchable, settings, isReplaced }: ReceiverHost, { shown }: Told): void {
    const target = machine.disk.find(TARGET)
    // Another directory is in the target's place, which the receiver has not seen yet.
    if (target === null || isReplaced) return
    const owed = owedBy(machine)
    const inTheWay = pathsInTheWay(target, (path, kind) => untouchable.excludes(path, kind))
    for (const [path, first] of shown) {
      if (owed.has(path) || inTheWay.has(path) || isLocal(untouchable, path) || settings.hasBorder) continue
      if (this.#parts.isWrittenByOthers(path)) continue
      const inode = machine.disk.find(`${TARGET}/${path}`)
      const found = inode === null ? ABSENT : lookOf(inode)
      const later = this.#parts.workload().history(path).slice(first)
      // It is gone by now: until its removal comes it has the attributes that other names of the file have got.
      const isLeft = inode?.kind === 'file' && inode.linkCount > 1 && later.includes(ABSENT)
      // A directory is made for what is in it, and has its attributes when its own change comes.
      const isMade = (look: Look) => inode?.kind === 'directory' && look.outside.startsWith('directory')
      if (!later.some((look) => (isLeft ? look.digest === found.digest : isMade(look) || isSame(look, found))))
        throw new Violation('G4', `${machine.name} was shown a later ${path} than ${found.outside}, which it has now`)
    }
  }
}

function fromAgent(told: Told, message: Record<string, unknown>): void {
  const changes = (message['changes'] ?? []) as Change[]
  switch (message['type']) {
    case 'changeset':
      told.changed = new Map()
      told.ahead = new Map()
      return
    case 'segment':
      for (const { path, kind } of changes) told.changed.set(path, kind)
      return refuseMeetings(told)
    case 'overtake':
      if (told.pending !== null) throw new Violation('G8', 'something overtakes before the last is visible')
      told.pending = { to: Number(message['to']), changes }
      for (const { path, kind } of changes) told.ahead.set(path, kind)
      return refuseMeetings(told)
  }
}

function refuseMeetings({ changed, ahead }: Told): void {
  for (const [path, kind] of ahead) {
    const same = changed.get(path)
    if (same !== undefined) throw new Violation('sound', `${path} overtakes a changeset that has it`)
    for (const [other, otherKind] of changed) {
      const isBelow = other.startsWith(`${path}/`) && kind !== 'directory'
      const isAbove = path.startsWith(`${other}/`) && otherKind !== 'directory'
      if (isBelow || isAbove) throw new Violation('sound', `${path} overtakes a changeset that has ${other}`)
    }
  }
}

function lookOfChange({ kind, mode = 0, uid = 0, gid = 0, mtime = 0, size = 0, digest = '' }: Change): Look {
  if (kind === 'absent') return ABSENT
  return { outside: outside(kind, mode, uid, gid, mtime, String(size)), digest }
}

function isSame(a: Look, b: Look): boolean {
  return a.outside === b.outside && a.digest === b.digest
}

function isLocal(untouchable: PathFilter, path: string): boolean {
  return untouchable.excludesWithParents(path, 'file') || untouchable.excludesWithParents(path, 'directory')
}
