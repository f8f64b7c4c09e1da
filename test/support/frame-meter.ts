/**
 * Finds the ends of WebSocket frames in a stream of bytes from an agent: after the answer to the upgrade, unmasked, RFC
 * 6455.
 */
const HEADER_END = Buffer.from('\r\n\r\n')
/** The beginning of an answer that is not encrypted. */
const PLAIN = Buffer.from('HTTP')

export class FrameMeter {
  #pending = Buffer.alloc(0)
  #isUpgraded = false
  #isOpaque = false
  /** Bytes of the present frame that have not come yet. */
  #missing = 0

  /**
   * @param chunk the next bytes of the stream
   * @returns for each frame that begins in this chunk the place just behind its header, and for each that ends, its end
   */
  feed(chunk: Buffer): { begins: number[]; ends: number[] } {
    const found = { begins: [] as number[], ends: [] as number[] }
    // Frames cannot be seen inside TLS.
    this.#isOpaque ||= this.#pending.byteLength === 0 && !this.#isUpgraded && !chunk.subarray(0, 4).equals(PLAIN)
    if (this.#isOpaque) return found
    for (let at = 0; at < chunk.byteLength; ) {
      if (this.#missing > 0) {
        const taken = Math.min(this.#missing, chunk.byteLength - at)
        this.#missing -= taken
        at += taken
        if (this.#missing === 0) found.ends.push(at)
        continue
      }
      this.#pending = Buffer.concat([this.#pending, chunk.subarray(at, at + 1)])
      at += 1
      if (this.#isUpgraded) this.#beginFrame(at, found)
      else if (this.#pending.subarray(-4).equals(HEADER_END)) this.#upgraded()
    }
    return found
  }

  #upgraded(): void {
    this.#isUpgraded = true
    this.#pending = Buffer.alloc(0)
  }

  #beginFrame(at: number, found: { begins: number[]; ends: number[] }): void {
    const header = this.#pending
    const short = (header[1] ?? 0) & 0x7f
    const needed = header.byteLength < 2 || short < 126 ? 2 : short === 126 ? 4 : 10
    if (header.byteLength < needed) return
    this.#pending = Buffer.alloc(0)
    this.#missing = needed === 2 ? short : needed === 4 ? header.readUInt16BE(2) : Number(header.readBigUInt64BE(2))
    found.begins.push(at)
    if (this.#missing === 0) found.ends.push(at)
  }
}
