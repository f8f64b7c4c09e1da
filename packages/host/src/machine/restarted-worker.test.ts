/** A real worker thread that is told to die, to refuse and to close. The pause between two lives is skipped. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Failure } from './failure.ts'
import { RestartedWorker } from './restarted-worker.ts'

type Order = 'die' | 'throw' | 'close'

/** Says `open`, and then obeys; closing takes one turn, in which it says `tidied`. */
const SCRIPT = `
import { parentPort, workerData } from 'node:worker_threads'
parentPort.postMessage(workerData.greeting)
if (workerData.greeting === 'refused') process.exit()
parentPort.on('message', ({ order }) => {
  if (order === 'die') process.exit()
  if (order === 'throw') throw new TypeError('planted')
  setImmediate(() => {
    parentPort.postMessage('tidied')
    parentPort.postMessage('closed')
    parentPort.close()
  })
})`
const ENTRY = new URL(`data:text/javascript,${encodeURIComponent(SCRIPT)}`)
const MOST_PAUSE_MS = 30_000

function start(t: TestContext, greeting: 'open' | 'refused') {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const seen: string[] = []
  let wake = Promise.withResolvers<void>()
  const see = (what: string) => {
    seen.push(what)
    wake.resolve()
    wake = Promise.withResolvers()
  }
  const worker = new RestartedWorker<{ order: Order }, string>({
    entry: ENTRY,
    name: 'root shop',
    data: { greeting },
    message: (message) => {
      if (message === 'open') see(worker.noteOpened() ? 'open again' : 'open')
      else if (message === 'refused') worker.noteRefused(new Failure(78, 'no such directory'))
      else if (message === 'closed') worker.noteClosed()
      else see(message)
    },
    threw: (error) => see(error instanceof Error ? error.message : String(error)),
    down: (isFinal) => see(isFinal ? 'ended' : 'down'),
  })
  const until = async (what: string) => {
    while (!seen.includes(what)) await wake.promise
  }
  return { worker, seen, until }
}

test('a worker that dies is started again, and closes in order in its second life too', async (t) => {
  const { worker, seen, until } = start(t, 'open')
  await worker.opened
  worker.post({ order: 'throw' })
  await until('down')
  assert.ok(worker.isDown)
  t.mock.timers.tick(MOST_PAUSE_MS)
  await until('open again')
  assert.ok(!worker.isDown)
  await worker.close({ order: 'close' })
  assert.deepEqual(seen.slice(0, 5), ['open', 'planted', 'down', 'open again', 'tidied'])
})

test('a worker that refuses at its first start ends for good, and says why', async (t) => {
  const { worker, until } = start(t, 'refused')
  await assert.rejects(worker.opened, { name: 'Failure', exitCode: 78, message: 'no such directory' })
  await until('ended')
  await worker.close({ order: 'close' })
})

test('a worker that is down can be closed', async (t) => {
  const { worker, until } = start(t, 'open')
  await worker.opened
  worker.post({ order: 'die' })
  await until('down')
  await worker.close({ order: 'close' })
})
