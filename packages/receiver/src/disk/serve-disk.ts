/** The far end of a root's disk thread: a RootDisk that takes messages from the port until it is told to close. */

import { EXIT, errorMessage, Failure, IdleCollector } from '@rootferry/host/machine'
import { encodeMessage } from '@rootferry/protocol'
import { assertBounds, BOUNDS } from '../bounds.ts'
import type { DiskOptions, FromDisk, ToDisk } from '../root-messages.ts'
import { RootDisk } from './root-disk.ts'

/** The part of a worker's port that is used. */
export interface DiskPort {
  postMessage(message: FromDisk): void
  on(event: 'message', listener: (message: ToDisk) => void): void
  close(): void
}

/** Resolves when the root is open, or was refused; a later error ends the thread. */
export async function serveDisk(port: DiskPort, options: DiskOptions): Promise<void> {
  const collector = new IdleCollector()
  try {
    assertBounds(BOUNDS)
    const disk = await RootDisk.open(options, {
      send: (message) => port.postMessage({ type: 'send', message: encodeMessage(message) }),
      event: (event) => {
        port.postMessage({ type: 'event', event })
        if (event.type === 'consumed') collector.worked(event.bytes)
      },
    })
    port.on('message', (message: ToDisk) => {
      // A tree of empty files consists of manifests only.
      if (message.type === 'frames') {
        for (const { isBinary, data } of message.frames) if (!isBinary) collector.worked(data.byteLength)
      }
      take(port, disk, message)
    })
    port.postMessage({ type: 'opened', ...disk.reached })
  } catch (error) {
    port.postMessage({
      type: 'failed',
      message: errorMessage(error),
      exitCode: error instanceof Failure ? error.exitCode : EXIT.failed,
    })
    port.close()
  }
}

function take(port: DiskPort, disk: RootDisk, message: ToDisk): void {
  switch (message.type) {
    case 'hello':
      return disk.greet((position) => port.postMessage({ type: 'hello', position }))
    case 'frames':
      for (const { isBinary, data } of message.frames) {
        if (isBinary) disk.receiveBytes(data)
        else disk.receiveText(data)
      }
      return
    case 'hook-ran':
      return disk.hookRan(message.hook, message.stamp)
    case 'accept':
      return disk.accept()
    case 'disconnected':
      return disk.disconnected()
    case 'close':
      void disk.close().then(() => {
        port.postMessage({ type: 'closed' })
        port.close()
      })
  }
}
