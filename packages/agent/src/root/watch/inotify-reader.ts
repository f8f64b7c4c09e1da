/**
 * The near end of the thread that reads watch events (inotify-reader-worker.ts): starts it, takes over the events that
 * it has read, and ends it. INVARIANT: the descriptor stays open for as long as the thread may read it.
 */
import { Worker } from 'node:worker_threads'
import { INOTIFY_READER } from '../../inotify-reader-url.ts'

export interface ReaderData {
  descriptor: number
  /** Two numbers of 32 bits that both threads see, by the indexes below. */
  control: Int32Array<SharedArrayBuffer>
}

/** 1: the reader must end. */
export const CLOSING = 0
/** Bytes that were read, and not taken over yet. */
export const WAITING_BYTES = 1

export interface ReaderEvents {
  read(events: Uint8Array<ArrayBuffer>): void
  /** The thread ended by itself: nothing is read any more. */
  ended(error: Error): void
}

export class InotifyReader {
  readonly #control = new Int32Array(new SharedArrayBuffer(8))
  readonly #exited = Promise.withResolvers<void>()

  constructor(descriptor: number, events: ReaderEvents) {
    const data: ReaderData = { descriptor, control: this.#control }
    const worker = new Worker(INOTIFY_READER, {
      workerData: data,
      name: 'watch events',
      resourceLimits: { maxYoungGenerationSizeMb: 1, stackSizeMb: 1 },
    })
    let failure = new Error('the thread that reads watch events ended')
    worker.on('message', (read: Uint8Array<ArrayBuffer>) => {
      Atomics.sub(this.#control, WAITING_BYTES, read.byteLength)
      Atomics.notify(this.#control, WAITING_BYTES)
      if (!this.#isClosing) events.read(read)
    })
    worker.on('error', (error: unknown) => {
      failure = error instanceof Error ? error : failure
    })
    worker.on('exit', () => {
      this.#exited.resolve()
      if (!this.#isClosing) events.ended(failure)
    })
  }

  /** @param wake makes the descriptor readable. Resolves when the thread is gone; from now on no event is handed on */
  close(wake: () => void): Promise<void> {
    Atomics.store(this.#control, CLOSING, 1)
    Atomics.notify(this.#control, CLOSING)
    wake()
    return this.#exited.promise
  }

  get #isClosing(): boolean {
    return Atomics.load(this.#control, CLOSING) === 1
  }
}
