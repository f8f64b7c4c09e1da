/**
 * Has a thread look at a target as a first join would, over a connection of its own that ends with the look. The agent
 * sees a receiver that connects, asks and leaves; on this host nothing is written.
 */
import { Worker } from 'node:worker_threads'
import { VERSION } from '@rootferry/host/daemon'
import { EXIT, Failure } from '@rootferry/host/machine'
import { encodeMessage } from '@rootferry/protocol'
import { DISK_WORKER } from '../disk-worker-url.ts'
import type { DiskOptions, FirstJoin, FromDisk, ToDisk } from '../root-messages.ts'
import { type Address, dial } from '../serve/link/dial.ts'

const CREDIT_BYTES = 1024 * 1024
const GOING_AWAY = 1_001
/** An agent that lists its files answers within that. */
const QUIET_MS = 3_000

export interface TargetLook {
  plan: FirstJoin
  /** It is so much that the first join would wait for an operator. */
  wouldWait: boolean
}

/**
 * @param options of a target that is there
 * @param isQuiet called when nothing has come for a while
 * @throws Failure; DialFailure
 */
export async function lookAtTarget(address: Address, options: DiskOptions, isQuiet: () => void): Promise<TargetLook> {
  const socket = await dial(address, new AbortController().signal)
  const worker = new Worker(DISK_WORKER, { workerData: { ...options, looksOnly: true } })
  const result = Promise.withResolvers<TargetLook>()
  const tell = (message: ToDisk) => worker.postMessage(message)
  let plan: FirstJoin | null = null
  worker.on('error', result.reject)
  worker.on('message', (message: FromDisk) => {
    if (message.type === 'opened') tell({ type: 'hello' })
    else if (message.type === 'failed') result.reject(new Failure(message.exitCode, message.message))
    else if (message.type === 'send') socket.send(message.message)
    else if (message.type === 'hello') {
      const hello = { type: 'hello' as const, software: VERSION, root: options.root, ...message.position }
      socket.send(encodeMessage({ ...hello, encodings: ['tar'], credit: CREDIT_BYTES }))
    } else if (message.type === 'event') {
      const { event } = message
      if (event.type === 'first-join') plan = event.plan
      else if (event.type === 'broken') result.reject(new Failure(EXIT.failed, `the agent: ${event.error.message}`))
      else if (event.type === 'phase' && plan !== null)
        result.resolve({ plan, wouldWait: event.phase === 'awaiting-accept' })
    }
  })
  const quiet = setTimeout(isQuiet, QUIET_MS)
  socket.on('error', result.reject)
  socket.on('close', (code, reason) =>
    result.reject(new Failure(EXIT.failed, `the agent ended the connection: ${code} ${reason.toString()}`.trim())),
  )
  socket.on('message', (data, isBinary) => {
    quiet.refresh()
    if (Buffer.isBuffer(data)) tell({ type: 'frames', frames: [{ isBinary, data: Uint8Array.from(data) }] })
  })
  try {
    return await result.promise
  } finally {
    clearTimeout(quiet)
    socket.close(GOING_AWAY)
    await worker.terminate()
  }
}
