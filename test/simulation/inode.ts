/** One object of a simulated disk, and its `stat`. Knows nothing of paths or processes. */

export type Kind = 'file' | 'directory' | 'symlink'

const KIND_BITS: Record<Kind, number> = { file: 0o100000, directory: 0o040000, symlink: 0o120000 }

export interface Attributes {
  mode: number
  uid: number
  gid: number
  mtimeMs: number
  ctimeMs: number
}

export class Inode {
  readonly number: number
  readonly kind: Kind
  readonly device: number
  readonly birthtimeMs: number
  attributes: Attributes
  content = new Uint8Array(0)
  readonly entries = new Map<string, Inode>()
  /** The target of a symlink. */
  target = ''
  /** The places of the object: one for a directory, any number for others. */
  readonly places: { directory: Inode; name: string }[] = []
  /** An object other than bytes that is stored here (a database). */
  attached: unknown = null

  constructor(number: number, kind: Kind, device: number, attributes: Attributes) {
    this.number = number
    this.kind = kind
    this.device = device
    this.attributes = attributes
    this.birthtimeMs = attributes.ctimeMs
  }

  get linkCount(): number {
    return this.kind === 'directory' && this.places.length > 0 ? 2 : this.places.length
  }

  get parent(): Inode | null {
    return this.places[0]?.directory ?? null
  }

  /** Whether it lies at or below a directory, by any of its names. */
  isWithin(top: Inode): boolean {
    return this === top || this.places.some(({ directory }) => directory.isWithin(top))
  }

  /** Its paths below a directory: `.` for itself. */
  pathsBelow(top: Inode): string[] {
    if (this === top) return ['.']
    return this.places.flatMap(({ directory, name }) =>
      directory.pathsBelow(top).map((above) => (above === '.' ? name : `${above}/${name}`)),
    )
  }
}

/** The fields of node:fs's Stats that are used. */
export class SimulatedStats {
  readonly dev: number
  readonly ino: number
  readonly mode: number
  readonly nlink: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly mtimeMs: number
  readonly ctimeMs: number
  readonly birthtimeMs: number
  readonly #kind: Kind

  constructor(inode: Inode) {
    const { mode, uid, gid, mtimeMs, ctimeMs } = inode.attributes
    this.dev = inode.device
    this.ino = inode.number
    this.mode = mode | KIND_BITS[inode.kind]
    this.nlink = inode.linkCount
    this.uid = uid
    this.gid = gid
    this.size = inode.kind === 'symlink' ? Buffer.byteLength(inode.target) : inode.content.byteLength
    this.mtimeMs = mtimeMs
    this.ctimeMs = ctimeMs
    this.birthtimeMs = inode.birthtimeMs
    this.#kind = inode.kind
  }

  isFile(): boolean {
    return this.#kind === 'file'
  }
  isDirectory(): boolean {
    return this.#kind === 'directory'
  }
  isSymbolicLink(): boolean {
    return this.#kind === 'symlink'
  }
  isFIFO(): boolean {
    return false
  }
  isSocket(): boolean {
    return false
  }
}

/** The fields of node:fs's BigIntStats that are used. */
export class SimulatedBigStats {
  readonly dev: bigint
  readonly ino: bigint
  readonly mode: bigint
  readonly nlink: bigint
  readonly uid: bigint
  readonly gid: bigint
  readonly size: bigint
  readonly blocks = 0n
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
  readonly birthtimeNs: bigint

  constructor(stats: SimulatedStats) {
    this.dev = BigInt(stats.dev)
    this.ino = BigInt(stats.ino)
    this.mode = BigInt(stats.mode)
    this.nlink = BigInt(stats.nlink)
    this.uid = BigInt(stats.uid)
    this.gid = BigInt(stats.gid)
    this.size = BigInt(stats.size)
    this.mtimeNs = nanoseconds(stats.mtimeMs)
    this.ctimeNs = nanoseconds(stats.ctimeMs)
    this.birthtimeNs = nanoseconds(stats.birthtimeMs)
  }
}

function nanoseconds(milliseconds: number): bigint {
  return BigInt(Math.round(milliseconds * 1_000)) * 1_000n
}
