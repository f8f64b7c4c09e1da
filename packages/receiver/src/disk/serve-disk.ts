/** The far end of a root's disk thread: a RootApplier that takes what comes over the port, until it is told to close. */

import { EXIT, errorMessage, Failure } from '@rootferry/host/machine'
import { encodeMessage } from '@rootferry/protocol'
import type { ApplierOptions, FromApplier, ToApplier } from '../root-messages.ts'
import { Rest } from './idle-collector.ts'
import { RootApplier } from './root-disk.ts'

/** What is used of a worker's port. */
export interface ApplierPort {
  postMessage(message: FromApplier): void
  on(event: 'message', listener: (message: ToApplier) => void): void
  close(): void
}

/** Resolves when the root is open, or was refused; what goes wrong later ends the thread. */
export async function serveApplier(port: ApplierPort, options: ApplierOptions): Promise<void> {
  const rest = new Rest()
  try {
    const applier = await RootApplier.open(options, {
      send: (message) => port.postMessage({ type: 'send', message: encodeMessage(message) }),
      event: (event) => {
        port.postMessage({ type: 'event', event })
        if (event.type === 'consumed') rest.worked(event.bytes)
      },
    })
    port.on('message', (message: ToApplier) => {
      // A tree of empty files is nothing but manifests.
      if (message.type === 'frames') {
        for (const { isBinary, data } of message.frames) if (!isBinary) rest.worked(data.byteLength)
      }
      take(port, applier, message)
    })
    port.postMessage({ type: 'opened' })
  } catch (error) {
    port.postMessage({
      type: 'failed',
      message: errorMessage(error),
      exitCode: error instanceof Failure ? error.exitCode : EXIT.failed,
    })
    port.close()
  }
}

function take(port: ApplierPort, applier: RootApplier, message: ToApplier): void {
  switch (message.type) {
    case 'hello':
      return port.postMessage({ type: 'hello', position: applier.hello() })
    case 'frames':
      for (const { isBinary, data } of message.frames) {
        if (isBinary) applier.receiveBytes(data)
        else applier.receiveText(data)
      }
      return
    case 'disconnected':
      return applier.disconnected()
    case 'close':
      void applier.close().then(() => {
        port.postMessage({ type: 'closed' })
        port.close()
      })
  }
}
