/**
 * A resync: reads the agent's listing, part by part, repairs the target's attributes, moves away what the agent does
 * not have, and asks for what has to come from it.
 *
 * Memory does not grow with the tree: nothing is kept of a directory once it is compared, and the next listing is only
 * asked for when few wants wait. INVARIANT: everything that is done to a directory's content gives the directory its
 * time back, so that directories and their content may be put right in any order.
 */
import { Buffer } from 'node:buffer'
import { errorCode, errorMessage } from '@rootferry/host'
import {
  ABOVE_ROOT,
  joinPath,
  type ListedChildren,
  type ListedEntry,
  type Listing,
  ProtocolError,
  ROOT_PATH,
  type ToAgent,
} from '@rootferry/protocol'
import type { ApplierEvent } from '../apply/applier-events.ts'
import { readObject, setAttributes } from '../apply/attributes.ts'
import { isDiskTrouble, isRace, isSystemError } from '../apply/disk-errors.ts'
import type { AttributeChange, DiskObject } from '../apply/disk-object.ts'
import { fileDigest } from '../apply/file-digest.ts'
import type { Owner } from '../apply/owner.ts'
import { Removal } from '../apply/removal.ts'
import type { Repairs } from '../apply/repairs.ts'
import { LEAVE } from '../apply/staged-change.ts'
import type { Target } from '../apply/target.ts'
import { type LocalDirectory, scanDirectory } from './local-scan.ts'
import { reconcile, type Verdict } from './reconcile.ts'

const MOST_WAITING = 4_000
const OWNER_ACCESS = 0o700

export interface ResyncOutput {
  send(message: ToAgent): void
  event(event: ApplierEvent): void
}

export interface ResyncCounts {
  checked: number
  /** Entries that have to come from the agent. */
  wanted: number
  /** Entries of which only attributes were wrong. */
  set: number
  /** Entries that the agent does not have. */
  discarded: number
}

export class Resync {
  readonly counts: ResyncCounts = { checked: 0, wanted: 0, set: 0, discarded: 0 }
  readonly #target: Target
  readonly #repairs: Repairs
  readonly #out: ResyncOutput
  readonly #removal: Removal
  /** The list request that is open, or null. */
  #request: number | null = null
  /** Where the next list request begins; undefined: the listing is at its end. */
  #next: string | null | undefined = null
  /** A directory whose listing goes on: what is there, and what was listed of it so far. */
  #split: { path: string; local: LocalDirectory; listed: Set<string> } | null = null

  constructor(target: Target, repairs: Repairs, out: ResyncOutput) {
    this.#target = target
    this.#repairs = repairs
    this.#out = out
    this.#removal = new Removal(target.confined, target.trash, target.untouchable)
    this.advance()
  }

  /** Asks for more, as far as it may. @returns whether everything is compared and repaired */
  advance(): boolean {
    this.#repairs.ask()
    if (this.#next !== undefined && this.#request === null && this.#repairs.waiting < MOST_WAITING) {
      this.#request = this.#repairs.nextRequest()
      this.#out.send({ type: 'list', request: this.#request, after: this.#next, digests: true })
    }
    return this.#next === undefined && this.#request === null && this.#repairs.isIdle
  }

  /**
   * Takes a listing. The next one is asked for before this one is compared.
   * @returns the step that compares it, which may be called again after a disk error
   * @throws ProtocolError when it was not asked for
   */
  comparer(listing: Listing): () => void {
    if (listing.request !== this.#request) throw new ProtocolError('unexpected-message', 'a listing not asked for')
    this.#request = null
    this.#next = listing.next ?? undefined
    this.advance()
    const ownerOf = this.#target.owners.forMessage(listing.users, listing.groups)
    const { directories } = listing
    let next = 0
    return () => {
      for (let children = directories[next]; children !== undefined; children = directories[next]) {
        this.#compare(children, ownerOf)
        next += 1
      }
      this.#target.confined.release()
    }
  }

  #compare({ path, entries, complete }: ListedChildren, ownerOf: (uid: number, gid: number) => Owner): void {
    if (path === ABOVE_ROOT) {
      this.#compareRoot(entries, ownerOf)
      return
    }
    if (this.#target.untouchable.protects(path, true)) return
    const opened = this.#openUp(path)
    let isTouched = true
    try {
      isTouched = this.#compareContent({ path, entries, complete }, ownerOf) || opened?.isOpened === true
    } finally {
      if (opened !== null && isTouched) this.#restore(path, opened.before, opened.isOpened)
    }
  }

  /** @returns whether anything was taken out of the directory */
  #compareContent({ path, entries, complete }: ListedChildren, ownerOf: (uid: number, gid: number) => Owner): boolean {
    const split = this.#split?.path === path ? this.#split : null
    const local = split?.local ?? scanDirectory(this.#target.confined, path) ?? { entries: new Map(), unspeakable: [] }
    const relevant = entries.filter(([name, letter]) => !this.#protects(joinPath(path, name), letter === 'd'))
    for (const verdict of reconcile(relevant, local.entries, ownerOf))
      this.#follow(joinPath(path, verdict.name), verdict)
    this.counts.checked += entries.length
    const listed = split?.listed ?? new Set()
    for (const [name] of entries) listed.add(name)
    this.#split = complete ? null : { path, local, listed }
    return complete && this.#discardUnlisted(path, local, listed)
  }

  #compareRoot(entries: readonly ListedEntry[], ownerOf: (uid: number, gid: number) => Owner): void {
    const found = readObject(this.#target.confined.locate(ROOT_PATH))
    if (found === null) return
    for (const verdict of reconcile(entries, new Map([[ROOT_PATH, found]]), ownerOf)) this.#follow(ROOT_PATH, verdict)
  }

  #follow(path: string, verdict: Verdict): void {
    if (verdict.do === 'want') this.#want(path)
    else if (verdict.do === 'set') this.#set(path, verdict.kind, verdict.attributes)
    else {
      const digest = this.#read(path, verdict.size)
      if (digest !== verdict.digest) this.#want(path)
      else if (verdict.attributes !== null) this.#set(path, 'file', verdict.attributes)
    }
  }

  #want(path: string): void {
    this.counts.wanted += 1
    this.#repairs.want(path)
  }

  #read(path: string, size: number): string | null {
    try {
      return fileDigest(this.#target.confined.locate(path), size)
    } catch (error) {
      if (isDiskTrouble(error) || !isSystemError(error)) throw error
      return null
    }
  }

  /** What can not be set here is asked for: its commit then tells the problem, and tries again. */
  #set(path: string, kind: 'file' | 'directory' | 'symlink', attributes: AttributeChange): void {
    try {
      setAttributes(this.#target.confined.locate(path), kind, attributes)
      this.counts.set += 1
    } catch (error) {
      if (isDiskTrouble(error) || !isSystemError(error)) throw error
      this.#want(path)
    }
  }

  #discardUnlisted(directory: string, local: LocalDirectory, listed: ReadonlySet<string>): boolean {
    let discards = false
    for (const [name, { kind }] of local.entries) {
      if (listed.has(name) || name.includes('\ufffd')) continue
      discards = this.#discard(joinPath(directory, name), kind === 'directory') || discards
    }
    for (const name of local.unspeakable) {
      const parent = Buffer.from(`${this.#target.confined.locateDirectory(directory)}/`)
      this.#target.trash.take(Buffer.concat([parent, name]), joinPath(directory, name.toString()))
      this.counts.discarded += 1
      discards = true
    }
    return discards
  }

  #discard(path: string, isDirectory: boolean): boolean {
    try {
      if (!this.#removal.discard(path, isDirectory)) return false
      this.counts.discarded += 1
      return true
    } catch (error) {
      if (isDiskTrouble(error) || !isSystemError(error)) throw error
      if (!isRace(error)) {
        const message = errorMessage(error)
        this.#out.event({ type: 'problem', path, code: errorCode(error) ?? 'unknown', message })
      }
      return false
    }
  }

  /** What the directory was before this touches it; this process is given access to it if need be. */
  #openUp(path: string): { before: DiskObject; isOpened: boolean } | null {
    const { confined, creation } = this.#target
    try {
      const before = readObject(confined.locate(path))
      if (before === null || before.kind !== 'directory') return null
      const isOpened = !creation.privileged && (before.mode & OWNER_ACCESS) !== OWNER_ACCESS
      if (isOpened) {
        const mode = before.mode | OWNER_ACCESS
        setAttributes(confined.locate(path), 'directory', { mode, uid: LEAVE, gid: LEAVE, mtime: null })
      }
      return { before, isOpened }
    } catch (error) {
      if (isDiskTrouble(error) || !isSystemError(error)) throw error
      return null
    }
  }

  #restore(path: string, before: DiskObject, isOpened: boolean): void {
    const restored = { mode: isOpened ? before.mode : null, uid: LEAVE, gid: LEAVE, mtime: before.mtime }
    try {
      setAttributes(this.#target.confined.locate(path), 'directory', restored)
    } catch (error) {
      // Of another owner, or gone by now.
      if (isDiskTrouble(error) || !isSystemError(error)) throw error
    }
  }

  #protects(path: string, isDirectory: boolean): boolean {
    return this.#target.untouchable.protects(path, isDirectory)
  }
}
