/**
 * One changeset while it comes in: its segments are checked against its header and staged, its copies at the end.
 *
 * INVARIANT: every change is staged completely and verified, or is ignored because it is protected, or is owed because
 * its base is missing here or because the disk has no room for its content. Staging happens in steps that may be called
 * again after a disk error and then continue where they were. Nothing in the tree is changed.
 */
import { Buffer } from 'node:buffer'
import { closeSync, fstatSync, type Stats } from 'node:fs'
import type { ConfinedDirectories } from '@rootferry/host/machine'
import {
  type Change,
  type Changeset,
  digestOf,
  type FileChange,
  ProtocolError,
  type Segment,
  type Slice,
} from '@rootferry/protocol'
import type { WorkArea } from '../area/work-area.ts'
import { DiskView } from '../commit/disk-view.ts'
import { diskObject } from '../files/attributes.ts'
import { OtherBase, piecesOf, regularAt } from '../files/base-file.ts'
import { isBorderTrouble } from '../files/disk-errors.ts'
import { attributeDifference, type Creation, type DiskObject } from '../files/disk-object.ts'
import type { ExtendedAttributes } from '../files/extended.ts'
import { digestInTurns } from '../files/file-digest.ts'
import type { OwnerMap } from '../files/owner.ts'
import type { LocalAttributes, StagedFile } from '../files/staged-change.ts'
import type { Untouchable } from '../files/untouchable.ts'
import type { Walk } from '../files/walk.ts'
import { isLackOfRoom, LackingRoom } from './lacking-room.ts'
import type { PartialFiles } from './partial-files.ts'
import type { Room } from './room.ts'
import { type StagedPart, StagedSoFar } from './staged-so-far.ts'
import { Staging } from './staging.ts'
import type { Content } from './unpacker.ts'

export const NO_BYTES = Buffer.alloc(0)

export interface IncomingParts {
  confined: ConfinedDirectories
  area: WorkArea
  creation: Creation
  owners: OwnerMap
  extended: ExtendedAttributes
  partials: PartialFiles
  untouchable: Untouchable
  room: Room
}

/** The attributes that a change has here. */
type AttributesOf = (change: Exclude<Change, { kind: 'absent' | 'link' }>) => LocalAttributes

interface PendingCopy {
  change: FileChange
  from: string
  attributes: LocalAttributes
}

export class Incoming {
  readonly header: Changeset
  readonly #parts: IncomingParts & { epoch: string }
  readonly #staging: Staging
  readonly #view: DiskView
  readonly #received = new Map<string, Change>()
  readonly #copies: PendingCopy[] = []
  /** How many copies are made, and how often the next one was tried. */
  readonly #copied = { next: 0, tries: 0 }
  /** Paths whose slices build on another base than the one that is here. */
  readonly #baseless = new Set<string>()
  readonly #lacking: LackingRoom
  readonly #staged: StagedSoFar
  #nextIndex = 0

  constructor(header: Changeset, parts: IncomingParts, epoch: string) {
    this.header = header
    this.#parts = { ...parts, epoch }
    this.#lacking = new LackingRoom(parts.room)
    this.#staged = new StagedSoFar(header, this.#lacking.unfit, this.#received)
    this.#view = new DiskView(parts.confined, parts.untouchable)
    this.#staging = new Staging(parts.area, parts.creation, parts.extended, (why) => parts.owners.refused(why))
  }

  /** Bytes of content staged. */
  get bytes(): number {
    return this.#staged.bytes
  }

  /** Changes received so far. */
  get entries(): number {
    return this.#received.size
  }

  /** Every path for which the changeset has a change. */
  get paths(): Iterable<string> {
    return this.#received.keys()
  }

  has(path: string): boolean {
    return this.#received.has(path)
  }

  /** Takes a segment's manifest. @throws ProtocolError when it does not fit the changeset */
  describe(segment: Segment): void {
    // Slices that the receiver already has are left out, and so are their numbers.
    if (segment.index < this.#nextIndex) {
      throw new ProtocolError('unexpected-message', `segment ${segment.index} after ${this.#nextIndex - 1}`)
    }
    this.#nextIndex = segment.index + 1
    this.#staged.tell(segment.to)
    for (const change of segment.changes) {
      if (this.#received.has(change.path)) throw new ProtocolError('content-mismatch', 'two changes of one path')
      this.#received.set(change.path, change)
    }
    if (this.#received.size > this.header.changes) {
      throw new ProtocolError('content-mismatch', 'more changes than the changeset announced')
    }
  }

  /** @returns the step that stages a segment; @throws from it ProtocolError, or the system error */
  stager(segment: Segment, contents: readonly Content[]): () => Walk<void> {
    const attributesOf = attributesIn(segment, this.#parts)
    const { slice, changes } = segment
    let isSliceDone = slice === null || slice.length === 0
    let next = 0
    let used = isSliceDone ? 0 : 1
    let tries = 0
    return function* (this: Incoming): Walk<void> {
      const isTight = this.#parts.room.isTight(segment.tarBytes)
      if (!isSliceDone && slice !== null) {
        try {
          this.#append(slice, contents[0]?.bytes ?? NO_BYTES)
        } catch (error) {
          this.#lacking.giveUp(slice.path, error, ++tries)
          this.#parts.partials.discard(slice.path)
        }
        isSliceDone = true
        tries = 0
      }
      for (let change = changes[next]; change !== undefined; change = changes[next]) {
        const content = change.kind === 'file' && change.source === 'tar' ? contents[used] : undefined
        try {
          if (content !== undefined && isTight) this.#lacking.insist(change.path, content.bytes.byteLength)
          yield* this.#stage(change, attributesOf, content?.bytes ?? null)
        } catch (error) {
          this.#lacking.giveUp(change.path, error, ++tries)
          // Whatever it is: a directory or a symlink may find no room either.
          this.#lacking.owes(change.path)
        }
        if (content !== undefined) used += 1
        next += 1
        tries = 0
        yield
      }
      this.#staged.ended(segment.to, this.#copies.length)
    }.bind(this)
  }

  whole(): StagedPart {
    return this.#staged.whole()
  }

  /** @returns the step that makes the copies of the beginning; it returns what a later connection can build on */
  keeper(): () => Walk<StagedPart | null> {
    const since = this.#staged.lengths
    return function* (this: Incoming): Walk<StagedPart | null> {
      yield* this.#copyUpTo(this.#staged.copies)
      return this.#staged.beginning(since)
    }.bind(this)
  }

  /** @returns the step that ends staging. @throws ProtocolError when another changeset is to be committed */
  completer(to: number): () => Walk<void> {
    if (to !== this.header.to) throw new ProtocolError('unexpected-message', 'a commit of another changeset')
    return () => this.#copyUpTo(this.#copies.length)
  }

  /** Copies are made at the end, when it is known whether their origin goes away. */
  *#copyUpTo(end: number): Walk<void> {
    const made = this.#copied
    for (let copy = this.#copies[made.next]; copy !== undefined && made.next < end; copy = this.#copies[made.next]) {
      try {
        yield* this.#copy(copy)
      } catch (error) {
        this.#lacking.giveUp(copy.change.path, error, ++made.tries)
        this.#lacking.owes(copy.change.path)
      }
      made.next += 1
      made.tries = 0
      yield
    }
  }

  #append(slice: Slice, carried: Uint8Array): void {
    if (this.#baseless.has(slice.path) || this.#lacking.has(slice.path)) return
    const { partials, epoch } = this.#parts
    const { path, delta } = slice
    if (slice.offset === 0 && this.#lacking.giveUpUnlessFits(path, slice.size)) return partials.discard(path)
    try {
      partials.append(epoch, slice, delta === null ? [carried] : piecesOf(delta, path, carried, this.#parts))
    } catch (error) {
      if (!(error instanceof OtherBase)) throw error
      this.#baseless.add(path)
      partials.discard(path)
    }
  }

  *#stage(change: Change, attributesOf: AttributesOf, content: Uint8Array | null): Walk<void> {
    const { path, kind } = change
    if (kind === 'absent') {
      this.#staged.changes.push({ kind, path })
      return
    }
    const { untouchable } = this.#parts
    if (untouchable.protects(path, kind === 'link' ? 'file' : kind)) {
      // The local object may be of another, unprotected kind, which the agent no longer has.
      const there = this.#view.at(path)
      if (there !== null && !untouchable.protects(path, there.kind)) {
        this.#staged.changes.push({ kind: 'absent', path })
      }
      return
    }
    if (kind === 'link') {
      // A file of this host is not given another name.
      if (untouchable.protects(change.to, 'file')) this.#staged.owed.push(path)
      else this.#staged.changes.push(change)
      return
    }
    const attributes = attributesOf(change)
    if (kind === 'directory') {
      const exists = this.#view.at(path)?.kind === 'directory'
      const staged = exists ? null : this.#staging.directory(path, attributes)
      this.#staged.changes.push({ kind, path, ...attributes, staged })
    } else if (kind === 'symlink') {
      const staged = this.#staging.symlink(path, attributes, change.target)
      this.#staged.changes.push({ kind, path, ...attributes, staged, ...this.#staging.lacks(path) })
    } else yield* this.#stageFile(change, attributes, content)
  }

  *#stageFile(change: FileChange, attributes: LocalAttributes, content: Uint8Array | null): Walk<void> {
    const { source, path } = change
    if (typeof source === 'object') this.#copies.push({ change, from: source.copy, attributes })
    else if (source === 'keep') this.#fileIsStaged(change, attributes, null)
    else if (source === 'slices') {
      if (this.#lacking.owes(path)) return
      const isBaseless = this.#baseless.has(path)
      const name = isBaseless ? null : yield* this.#parts.partials.complete(path, change.size, change.digest)
      if (name === null) {
        this.#staged.owed.push(path)
        return
      }
      this.#staging.adopt(path, name, attributes)
      this.#fileIsStaged(change, attributes, name)
    } else {
      if (content === null || digestOf(content) !== change.digest) {
        throw new ProtocolError('content-mismatch', 'the digest of a file')
      }
      this.#fileIsStaged(change, attributes, this.#staging.file(path, attributes, content))
      this.#staged.bytes += change.size
    }
  }

  #fileIsStaged(change: FileChange, attributes: LocalAttributes, staged: string | null): void {
    const file = stagedFile(change, attributes, staged, this.#parts.untouchable)
    this.#staged.changes.push({ ...file, ...this.#staging.lacks(change.path) })
  }

  /** The file at the source is used only if it is, to the byte, the file of the change. */
  *#copy(copy: PendingCopy): Walk<void> {
    const { change, from } = copy
    const source = regularAt(from, this.#parts)
    try {
      if (source === null) this.#staged.owed.push(change.path)
      else yield* this.#copyFrom(source, copy)
    } catch (error) {
      // A lack of room is one of this filesystem, where the copy is made.
      if (isLackOfRoom(error) || !isBorderTrouble(error, from, this.#parts.untouchable)) throw error
      this.#staged.owed.push(change.path)
    } finally {
      if (source !== null) closeSync(source)
    }
  }

  *#copyFrom(source: number, { change, from, attributes }: PendingCopy): Walk<void> {
    const status = fstatSync(source)
    if (status.size !== change.size) return void this.#staged.owed.push(change.path)
    const isSame = attributeDifference(objectOf(source, status, this.#parts), attributes) === null
    let staged: string | null = null
    // Another name of the file would become one of this file.
    const isAlone = status.nlink === 1 || !this.#parts.extended.preserved.hardLinks
    const mayMove = isSame && isAlone && goesAway(from, this.#received.get(from), this.#parts.untouchable)
    if (mayMove && (yield* digestInTurns(source, change.size)) === change.digest) {
      staged = this.#staging.link(change.path, this.#parts.confined.locate(from), source)
    }
    staged ??= yield* this.#copyOf(change, attributes, source)
    if (staged === null) this.#staged.owed.push(change.path)
    else this.#fileIsStaged(change, attributes, staged)
  }

  /** @returns null when the copy differs from the change */
  *#copyOf(change: FileChange, attributes: LocalAttributes, source: number): Walk<string | null> {
    const staged = yield* this.#staging.copy(change.path, attributes, source)
    if ((yield* this.#staging.digest(staged, change.size)) === change.digest) return staged
    this.#staging.discard(staged)
    return null
  }
}

/** Whether a changeset removes or replaces the file at the path, so that its inode may be used elsewhere. */
function goesAway(path: string, change: Change | undefined, untouchable: Untouchable): boolean {
  if (change === undefined || (change.kind === 'file' && change.source === 'keep')) return false
  return !untouchable.stays(path, 'file')
}

function attributesIn(
  { users, groups }: Segment,
  { owners, extended }: Pick<IncomingParts, 'owners' | 'extended'>,
): AttributesOf {
  const [ownerOf, idOf] = [owners.forMessage(users, groups), owners.idsOfMessage(users, groups)]
  return ({ mode, mtime, uid, gid, extended: said }) => {
    const wanted = extended.wanted(said, mode, idOf)
    const own = { mode, mtime, ...ownerOf(uid, gid) }
    return wanted === null ? own : { ...own, extended: wanted }
  }
}

function objectOf(descriptor: number, status: Stats, { extended }: Pick<IncomingParts, 'extended'>): DiskObject {
  const found = extended.isOn ? extended.read(descriptor, null) : null
  return found === null ? diskObject(status) : { ...diskObject(status), extended: found }
}

function stagedFile(
  { path, size, digest, link }: FileChange,
  attributes: LocalAttributes,
  staged: string | null,
  untouchable: Untouchable,
): StagedFile {
  const file: StagedFile = { kind: 'file', path, size, ...attributes, staged }
  const isLinked = link !== undefined && !untouchable.protects(link, 'file')
  if (isLinked) return { ...file, digest, link }
  return attributes.extended === undefined ? file : { ...file, digest }
}
