/**
 * Test support: the agent's side of the wire in miniature. Packs changesets and listings from plain descriptions or
 * from a real directory, feeds them to a RootDisk, and collects its messages and events.
 */

import { Buffer } from 'node:buffer'
import { chmodSync, lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { zstdCompressSync } from 'node:zlib'
import {
  ABOVE_ROOT,
  type Change,
  type ContentSource,
  digestOf,
  encodeMessage,
  joinPath,
  LIMITS,
  type ListedChildren,
  type ListedEntry,
  microseconds,
  ROOT_PATH,
  SEGMENT_TAR,
  type Segment,
  SLICE_ENTRY,
  type Slice,
  type ToAgent,
  type ToReceiver,
  type Want,
  type Welcome,
} from '@rootferry/protocol'
import { pack } from 'tar-stream'
import { type DiskSeams, RootDisk } from '../src/disk/root-disk.ts'
import type { DiskEvent, DiskOptions } from '../src/root-messages.ts'

export const EPOCH = 'epoch-1'
export const TERM = 'term-1'
/** 2024-01-02 03:04:05.678901 UTC */
export const MTIME = 1_704_164_645_678_901

/** A change with the content that travels with it. */
export interface Fed {
  change: Change
  content?: Buffer
}
export interface GivenAttributes {
  mode?: number
  uid?: number
  gid?: number
  mtime?: number
}

const own = { uid: userInfo().uid, gid: userInfo().gid }

function look(defaults: { mode: number }, given: GivenAttributes) {
  return { ...defaults, ...own, mtime: MTIME, ...given }
}

export function file(
  path: string,
  content: string | Buffer,
  given: GivenAttributes & { source?: ContentSource } = {},
): Fed {
  const bytes = Buffer.from(content)
  const { source = 'tar', ...attributes } = given
  const change: Change = {
    path,
    kind: 'file',
    ...look({ mode: 0o644 }, attributes),
    size: bytes.length,
    digest: digestOf(bytes),
    source,
  }
  return source === 'tar' ? { change, content: bytes } : { change }
}

export function directory(path: string, given: GivenAttributes = {}): Fed {
  return { change: { path, kind: 'directory', ...look({ mode: 0o755 }, given) } }
}

export function symlink(path: string, target: string, given: GivenAttributes = {}): Fed {
  return { change: { path, kind: 'symlink', ...look({ mode: 0o777 }, given), target } }
}

export function absent(path: string): Fed {
  return { change: { path, kind: 'absent' } }
}

export async function tarOf(entries: readonly { name: string; content: Buffer }[]): Promise<Buffer> {
  const archive = pack()
  for (const { name, content } of entries) archive.entry({ ...SEGMENT_TAR, name, size: content.length }, content)
  archive.finalize()
  const pieces: Buffer[] = []
  for await (const piece of archive) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}

export interface PackOptions {
  index?: number
  to?: number
  encoding?: 'tar' | 'zstd'
  slice?: { slice: Slice; content: Buffer }
  users?: [number, string][]
  groups?: [number, string][]
}

export async function segmentOf(fed: readonly Fed[], options: PackOptions = {}): Promise<[Segment, Buffer]> {
  const entries = fed.flatMap(({ content }, ordinal) => (content ? [{ name: String(ordinal), content }] : []))
  if (options.slice && options.slice.content.length > 0) {
    entries.push({ name: SLICE_ENTRY, content: options.slice.content })
  }
  const tar = entries.length === 0 ? Buffer.alloc(0) : await tarOf(entries)
  const packed = options.encoding === 'zstd' && tar.length > 0 ? zstdCompressSync(tar) : tar
  const segment: Segment = {
    type: 'segment',
    index: options.index ?? 0,
    encoding: options.encoding ?? 'tar',
    bytes: packed.length,
    tarBytes: tar.length,
    changes: fed.map(({ change }) => change),
    slice: options.slice?.slice ?? null,
    to: options.to ?? null,
    users: options.users ?? [],
    groups: options.groups ?? [],
  }
  return [segment, packed]
}

/** The listing that an agent would make of a real directory. */
export function listingOf(root: string): ListedChildren[] {
  const listed: ListedChildren[] = [{ path: ABOVE_ROOT, entries: [listedEntry(root, '', ROOT_PATH)], complete: true }]
  const walk = (path: string) => {
    const names = readdirSync(join(root, path))
    listed.push({ path, entries: names.map((name) => listedEntry(root, path, name)), complete: true })
    for (const name of names) if (lstatSync(join(root, path, name)).isDirectory()) walk(joinPath(path, name))
  }
  walk(ROOT_PATH)
  return listed
}

function listedEntry(root: string, path: string, name: string): ListedEntry {
  const location = join(root, path, name)
  const status = lstatSync(location)
  const [mode, mtime] = [status.mode & 0o7777, microseconds(status.mtimeMs)]
  const { uid, gid, size } = status
  if (status.isDirectory()) return [name, 'd', mode, uid, gid, mtime]
  if (status.isSymbolicLink()) return [name, 'l', mode, uid, gid, mtime, readlinkSync(location)]
  return [name, 'f', mode, uid, gid, mtime, size, digestOf(readFileSync(location))]
}

/** The change that an agent would send for a path of a real directory. */
export function changeFor(root: string, path: string): Fed {
  const location = join(root, path)
  const status = lstatSync(location, { throwIfNoEntry: false })
  if (status === undefined) return absent(path)
  const given = { mode: status.mode & 0o7777, mtime: microseconds(status.mtimeMs), uid: status.uid, gid: status.gid }
  if (status.isDirectory()) return directory(path, given)
  if (status.isSymbolicLink()) return symlink(path, readlinkSync(location), given)
  return file(path, readFileSync(location), given)
}

/** Everything that makes two trees equal, by path; owners included. */
export function treeOf(root: string): Record<string, string> {
  const tree: Record<string, string> = {}
  for (const { path, entries } of listingOf(root)) {
    for (const [name, ...rest] of entries) tree[path === ABOVE_ROOT ? name : joinPath(path, name)] = rest.join(' ')
  }
  return tree
}

/** The paths that a want asks for. */
export function pathsOf(want: Want | undefined): string[] {
  return (want?.paths ?? []).map(([path]) => path)
}

/** A walk without giving way. */
export function atOnce<Result>(walk: Generator<unknown, Result, void>): Result {
  for (let at = walk.next(); ; at = walk.next()) if (at.done === true) return at.value
}

/** Waits for a condition, with a deadline instead of a sleep. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`)
    await wait(2)
  }
}

/** A temporary directory that goes away with its scope. */
export class Scratch implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'rootferry-'))

  at(...names: string[]): string {
    return join(this.path, ...names)
  }

  [Symbol.dispose](): void {
    makeRemovable(this.path)
    rmSync(this.path, { recursive: true, force: true })
  }
}

function makeRemovable(path: string | Buffer): void {
  if ((lstatSync(path).mode & 0o700) !== 0o700) chmodSync(path, 0o700)
  for (const entry of readdirSync(path, { withFileTypes: true, encoding: 'buffer' })) {
    if (entry.isDirectory()) makeRemovable(Buffer.concat([Buffer.from(path), Buffer.from('/'), entry.name]))
  }
}

type EventOf<Type extends DiskEvent['type']> = Extract<DiskEvent, { type: Type }>
type SentOf<Type extends ToAgent['type']> = Extract<ToAgent, { type: Type }>

/** A RootDisk on `<scratch>/target` and `<scratch>/state`, with all of its messages and events. */
export class Feed {
  readonly sent: ToAgent[] = []
  readonly events: DiskEvent[] = []
  readonly scratch: Scratch
  #disk: RootDisk | null = null
  #sequence = 0

  constructor(scratch: Scratch) {
    this.scratch = scratch
  }

  get target(): string {
    return this.scratch.at('target')
  }

  get disk(): RootDisk {
    if (this.#disk === null) throw new Error('not open')
    return this.#disk
  }

  async open(options: Partial<DiskOptions> = {}, seams?: DiskSeams): Promise<this> {
    const all: DiskOptions = {
      root: 'shop',
      path: this.target,
      stateDir: this.scratch.at('state'),
      protect: [],
      owner: 'preserve',
      allowSetuid: true,
      mode: 'preserve',
      minFreePercent: 1,
      hooks: [],
      trashDir: this.scratch.at('state/trash'),
      trash: { keepDays: 7, maxBytes: 1_000_000 },
      bootId: 'boot-1',
      systemCalls: 'auto',
      guard: { maxPercent: 100, minEntries: 1e9 },
      extraneous: 'report',
      ...options,
    }
    const out = {
      send: (message: ToAgent) => this.sent.push(message),
      event: (event: DiskEvent) => this.events.push(event),
    }
    this.#disk = seams === undefined ? await RootDisk.open(all, out) : await RootDisk.open(all, out, seams)
    return this
  }

  async close(): Promise<void> {
    const disk = this.#disk
    this.#disk = null
    await disk?.close()
  }

  /** Says hello and answers with a welcome to a replay from the root's position, unless told otherwise. */
  connect(given: Partial<Welcome> = {}): ReturnType<RootDisk['hello']> {
    const hello = this.disk.hello()
    this.welcome({ sequence: hello.sequence, ...given })
    return hello
  }

  welcome(given: Partial<Welcome> & { sequence: number }): void {
    this.#sequence = given.sequence
    this.text({
      type: 'welcome',
      software: 'test',
      epoch: EPOCH,
      term: TERM,
      head: given.sequence,
      start: 'replay',
      reason: 'test',
      total: { entries: 0, bytes: 0 },
      filter: [],
      othersCurrent: false,
      clash: null,
      prepared: null,
      released: 0,
      ...given,
    })
  }

  text(message: ToReceiver): void {
    this.disk.receiveText(Buffer.from(encodeMessage(message)))
  }

  bytes(packed: Buffer, frameBytes: number = LIMITS.frameBytes): void {
    for (let at = 0; at < packed.length; at += frameBytes) {
      // A copy, because the memory of a frame belongs to the root from then on.
      this.disk.receiveBytes(new Uint8Array(packed.subarray(at, at + frameBytes)))
    }
  }

  /** Sends a whole changeset of one segment; the answer to a want when `request` is given. */
  async changeset(fed: readonly Fed[], options: PackOptions & { request?: number; head?: number } = {}): Promise<void> {
    const from = this.#sequence
    const to = options.request === undefined ? from + 1 : from
    this.begin(fed.length, from, to, options.request ?? null, options.head ?? to)
    this.segment(await segmentOf(fed, options))
    this.text({ type: 'commit', to })
    this.#sequence = to
  }

  begin(changes: number, from: number, to: number, request: number | null = null, head = to, base = from): void {
    this.text({ type: 'changeset', base, from, to, head, request, changes, bytes: 0 })
  }

  segment([segment, packed]: [Segment, Buffer]): void {
    this.text(segment)
    this.bytes(packed)
  }

  /** Sends a changeset and waits until it is visible. */
  async commit(fed: readonly Fed[], options: PackOptions & { head?: number } = {}): Promise<EventOf<'committed'>> {
    const before = this.all('committed').length
    await this.changeset(fed, options)
    await until(() => this.all('committed').length > before || this.all('broken').length > 0, 'a commit')
    const last = this.all('committed').at(-1)
    if (last === undefined || this.all('broken').length > 0) throw new Error(JSON.stringify(this.all('broken')))
    return last
  }

  all<Type extends DiskEvent['type']>(type: Type): EventOf<Type>[] {
    return this.events.filter((event): event is EventOf<Type> => event.type === type)
  }

  allSent<Type extends ToAgent['type']>(type: Type): SentOf<Type>[] {
    return this.sent.filter((message): message is SentOf<Type> => message.type === type)
  }

  async seen<Type extends DiskEvent['type']>(
    type: Type,
    match: (event: EventOf<Type>) => boolean = () => true,
  ): Promise<EventOf<Type>> {
    await until(() => this.all(type).some(match), `the event ${type}`)
    return this.all(type).filter(match)[0] as EventOf<Type>
  }

  async told<Type extends ToAgent['type']>(type: Type): Promise<SentOf<Type>> {
    await until(() => this.allSent(type).length > 0, `the message ${type}`)
    return this.allSent(type)[0] as SentOf<Type>
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
