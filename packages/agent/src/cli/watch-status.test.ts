/** `status --watch` where the way to the agent ends at a bad moment; the rest is tried in `test/e2e/status-watch.test.ts`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Terminal } from '@rootferry/host/daemon'
import { watchStatus } from './watch-status.ts'

test('an event and the end of the stream while the status is asked for: the agent is dialled again', async () => {
  const stopped = Promise.withResolvers<void>()
  let stop: (() => void) | undefined
  let dialled = 0
  const connect = () => {
    dialled += 1
    if (dialled === 2) {
      stop?.()
      stopped.resolve()
    }
    let stream: ReadableStreamDefaultController<Uint8Array> | undefined
    return {
      events: async () =>
        new ReadableStream<Uint8Array>({
          start: (controller) => {
            stream = controller
          },
        }),
      get: async () => {
        stream?.enqueue(new TextEncoder().encode('event: receiver\n\n'))
        stream?.close()
        stream = undefined
        // The end is known before the answer.
        await new Promise((resolve) => setImmediate(resolve))
        return { version: '1', certificate: null, roots: [], receivers: [] } as never
      },
    }
  }
  const terminal = {
    isInteractive: false,
    out: () => undefined,
    say: () => undefined,
    unread: new Promise(() => undefined),
    stopSignal: (note: (signal: string) => void) => {
      stop = () => note('SIGINT')
      return stopped.promise
    },
  }
  const isOver = watchStatus(connect, { json: true }, terminal as unknown as Terminal).then(() => true)
  const late = new Promise((resolve) => setTimeout(() => resolve(false), 60_000).unref())
  assert.equal(await Promise.race([isOver, late]), true)
  assert.equal(dialled, 2)
})
