/** Counts the bytes that sessions sent, and has their buffers collected in time. */
import { BufferGarbage } from '@rootferry/host/machine'

export class SentBytes {
  readonly #garbage = new BufferGarbage()
  total = 0

  sent(bytes: number): void {
    this.total += bytes
    this.#garbage.passed(bytes)
  }
}
