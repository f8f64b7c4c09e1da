/** Entry of a root's disk thread. */

import { parentPort, workerData } from 'node:worker_threads'
import { keepCompiledCode } from '@rootferry/host/machine'
import type { DiskOptions } from '../root-messages.ts'
import { serveDisk } from './serve-disk.ts'
import { serveLook } from './serve-look.ts'

if (parentPort === null) throw new Error('root-worker runs as a worker thread')
const options = workerData as DiskOptions
if (options.looksOnly === true) serveLook(parentPort, options)
else {
  keepCompiledCode()
  await serveDisk(parentPort, options)
}
