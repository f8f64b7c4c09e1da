/** Entry of a root's thread. */
import { parentPort, workerData } from 'node:worker_threads'
import { keepCompiledCode } from '@rootferry/host/machine'
import type { RootOptions } from '../root-messages.ts'
import { serveRoot } from './serve-root.ts'

if (parentPort === null) throw new Error('root-worker runs as a worker thread')
keepCompiledCode()
serveRoot(parentPort, workerData as RootOptions)
