/** Entry of a root's disk thread. */

import { parentPort, workerData } from 'node:worker_threads'
import type { DiskOptions } from '../root-messages.ts'
import { serveDisk } from './serve-disk.ts'

if (parentPort === null) throw new Error('root-worker runs as a worker thread')
await serveDisk(parentPort, workerData as DiskOptions)
