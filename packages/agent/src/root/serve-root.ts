/** The far end of a root's thread: a Root that takes messages from the port until it is told to close. */

import { EXIT, errorMessage, Failure } from '@rootferry/host/machine'
import { assertBounds, BOUNDS } from '../bounds.ts'
import type { FromRoot, RootOptions, ToRoot } from '../root-messages.ts'
import { Root } from './root.ts'

/** The part of a worker's port that is used. */
export interface RootPort {
  postMessage(message: FromRoot, transfer: ArrayBuffer[]): void
  on(event: 'message', listener: (message: ToRoot) => void): void
  close(): void
}

export function serveRoot(port: RootPort, options: RootOptions): void {
  const post = (message: FromRoot, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)
  try {
    assertBounds(BOUNDS)
    const root = new Root(options, post)
    port.on('message', (message: ToRoot) => {
      void root.handle(message).then(() => {
        if (message.type === 'close') port.close()
      })
    })
    root.start()
  } catch (error) {
    post({
      type: 'failed',
      message: errorMessage(error),
      exitCode: error instanceof Failure ? error.exitCode : EXIT.failed,
    })
    port.close()
  }
}
