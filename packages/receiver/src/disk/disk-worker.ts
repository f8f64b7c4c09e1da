/** Entry of a root's disk thread. */

import { parentPort, workerData } from 'node:worker_threads'
import type { ApplierOptions } from '../root-messages.ts'
import { serveApplier } from './serve-disk.ts'

if (parentPort === null) throw new Error('root-worker runs as a worker thread')
await serveApplier(parentPort, workerData as ApplierOptions)
