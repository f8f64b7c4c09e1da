/**
 * The chunks of one version of a file, in order: the length of each and the hash of its content. The index keeps such a
 * list for a version that was sent, so that the next version can be described as a delta to it.
 *
 *   list := (length: u32 little-endian, first 16 bytes of the chunk's SHA-256)…      about 20 bytes for 64 KiB
 */
import { Buffer } from 'node:buffer'
import { hash } from 'node:crypto'

const HASH_BYTES = 16
const RECORD_BYTES = 4 + HASH_BYTES
/** Bytes of a hash that are looked up as a number; the other bytes are compared. */
const KEY_BYTES = 6
const FIRST_RECORDS = 64

export function chunkHash(chunk: Uint8Array): Buffer {
  return hash('sha256', chunk, 'buffer').subarray(0, HASH_BYTES)
}

export class ChunkList {
  readonly #records: Buffer
  /** Where each chunk begins; one more for the end. */
  readonly #offsets: Float64Array
  /** Chunk by the key of its hash; of equal chunks the first. */
  #byKey: Map<number, number> | null = null

  /** @param records in the form that `ChunkRecorder` makes; not copied */
  constructor(records: Uint8Array) {
    this.#records = Buffer.from(records.buffer, records.byteOffset, records.byteLength)
    const count = Math.floor(records.byteLength / RECORD_BYTES)
    this.#offsets = new Float64Array(count + 1)
    let offset = 0
    for (let chunk = 0; chunk < count; chunk += 1) {
      offset += this.#records.readUInt32LE(chunk * RECORD_BYTES)
      this.#offsets[chunk + 1] = offset
    }
  }

  get count(): number {
    return this.#offsets.length - 1
  }

  /** Bytes of the whole file. */
  get size(): number {
    return this.offset(this.count)
  }

  offset(chunk: number): number {
    return this.#offsets[chunk] ?? 0
  }

  length(chunk: number): number {
    return this.offset(chunk + 1) - this.offset(chunk)
  }

  isHash(chunk: number, chunkHash: Buffer): boolean {
    const start = chunk * RECORD_BYTES + 4
    return this.#records.compare(chunkHash, 0, HASH_BYTES, start, start + HASH_BYTES) === 0
  }

  /** A chunk with this content, or null. */
  find(chunkHash: Buffer, length: number): number | null {
    const chunk = this.#keys().get(chunkHash.readUIntLE(0, KEY_BYTES))
    return chunk !== undefined && this.length(chunk) === length && this.isHash(chunk, chunkHash) ? chunk : null
  }

  #keys(): Map<number, number> {
    if (this.#byKey !== null) return this.#byKey
    const keys = new Map<number, number>()
    for (let chunk = this.count - 1; chunk >= 0; chunk -= 1) {
      keys.set(this.#records.readUIntLE(chunk * RECORD_BYTES + 4, KEY_BYTES), chunk)
    }
    this.#byKey = keys
    return keys
  }
}

/** Builds a list, chunk by chunk. */
export class ChunkRecorder {
  #records = Buffer.alloc(FIRST_RECORDS * RECORD_BYTES)
  #used = 0

  add(length: number, chunkHash: Buffer): void {
    if (this.#used === this.#records.byteLength) {
      this.#records = Buffer.concat([this.#records], 2 * this.#used)
    }
    this.#records.writeUInt32LE(length, this.#used)
    chunkHash.copy(this.#records, this.#used + 4)
    this.#used += RECORD_BYTES
  }

  /** A copy of the records so far. */
  records(): Uint8Array {
    return new Uint8Array(this.#records.subarray(0, this.#used))
  }
}
