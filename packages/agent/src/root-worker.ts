/** Entry of a root's thread: a RootService on one end, the message port on the other. */
import { parentPort, workerData } from 'node:worker_threads'
import { EXIT, errorMessage, Failure } from '@rootferry/host'
import type { FromRoot, RootOptions, ToRoot } from './root-messages.ts'
import { RootService } from './root-service.ts'

const port = parentPort
if (port === null) throw new Error('root-worker runs as a worker thread')

const post = (message: FromRoot, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)
try {
  const service = new RootService(workerData as RootOptions, post)
  port.on('message', (message: ToRoot) => {
    void service.handle(message).then(() => {
      if (message.type === 'close') port.close()
    })
  })
  service.start()
} catch (error) {
  post({
    type: 'failed',
    message: errorMessage(error),
    exitCode: error instanceof Failure ? error.exitCode : EXIT.failed,
  })
  port.close()
}
