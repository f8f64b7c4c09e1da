/** Entry of a root's thread, which may have been started before its root is known (see spare-thread.ts). */
import { parentPort, workerData } from 'node:worker_threads'
import { keepCompiledCode } from '@rootferry/host/machine'
import type { RootOptions } from '../root-messages.ts'
import { serveRoot } from './serve-root.ts'

if (parentPort === null) throw new Error('root-worker runs as a worker thread')
keepCompiledCode()
const port = parentPort
if (workerData === null) port.once('message', (options: RootOptions) => serveRoot(port, options))
else serveRoot(port, workerData as RootOptions)
