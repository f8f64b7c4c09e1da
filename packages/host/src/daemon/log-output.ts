/**
 * Where log lines go: stdout, at once, because the last words of a daemon that is about to exit matter most.
 *
 * A line that cannot be written, because the disk is full or the reader has gone, is lost, and the daemon continues.
 * The next line that can be written is followed by the number of lost lines.
 */
import { writeSync } from 'node:fs'
import { errorCode } from '../machine/failure.ts'

const STDOUT = 1
/** For a slow reader, where writes do not wait by themselves. */
const PAUSE_MS = 10
const MOST_PAUSES = 50

export class LogOutput {
  #lost = 0
  readonly #file: number

  constructor(file: number = STDOUT) {
    this.#file = file
  }

  /** @returns how many lines before this one were lost and have not been reported yet */
  write(line: string): number {
    if (!this.#isWritten(Buffer.from(line))) {
      this.#lost += 1
      return 0
    }
    const lost = this.#lost
    this.#lost = 0
    return lost
  }

  #isWritten(bytes: Buffer): boolean {
    // One pause is enough: a reader that has stopped must not stop the daemon at every line.
    let pausesLeft = this.#lost === 0 ? MOST_PAUSES : 0
    for (let done = 0; done < bytes.length; ) {
      try {
        done += writeSync(this.#file, bytes, done)
      } catch (error) {
        if (errorCode(error) !== 'EAGAIN' || pausesLeft === 0) return false
        pausesLeft -= 1
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS)
      }
    }
    return true
  }
}
