/** Entry of a root's disk thread: a RootApplier on one end, the message port on the other. */
import { parentPort, workerData } from 'node:worker_threads'
import { EXIT, errorMessage, Failure } from '@rootferry/host'
import { encodeMessage } from '@rootferry/protocol'
import { type ApplierOptions, RootApplier } from './apply/root-applier.ts'
import { Rest } from './rest.ts'
import type { FromApplier, ToApplier } from './root-messages.ts'

const port = parentPort
if (port === null) throw new Error('root-worker runs as a worker thread')

const rest = new Rest()
const post = (message: FromApplier) => port.postMessage(message)
try {
  const applier = await RootApplier.open(workerData as ApplierOptions, {
    send: (message) => post({ type: 'send', message: encodeMessage(message) }),
    event: (event) => {
      post({ type: 'event', event })
      if (event.type === 'consumed') rest.worked(event.bytes)
    },
  })
  port.on('message', (message: ToApplier) => take(applier, message))
  post({ type: 'opened' })
} catch (error) {
  post({
    type: 'failed',
    message: errorMessage(error),
    exitCode: error instanceof Failure ? error.exitCode : EXIT.failed,
  })
  port.close()
}

function take(applier: RootApplier, message: ToApplier): void {
  switch (message.type) {
    case 'hello':
      return post({ type: 'hello', position: applier.hello() })
    case 'text':
      return applier.receiveText(message.frame)
    case 'bytes':
      return applier.receiveBytes(message.frame)
    case 'disconnected':
      return applier.disconnected()
    case 'close':
      void applier.close().then(() => {
        post({ type: 'closed' })
        port?.close()
      })
  }
}
