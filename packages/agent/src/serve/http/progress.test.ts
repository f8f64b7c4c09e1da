/** What is told of the progress of a fleet, and when nothing is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { History } from '../history.ts'
import type { ReceiverStatus, RootAnswer } from '../schemas/status.ts'
import { EventLog } from './event-log.ts'
import { Progress } from './progress.ts'

const root: RootAnswer = {
  name: 'shop',
  epoch: 'e',
  sequence: 1,
  state: 'ready',
  reason: null,
  entries: { files: 1, directories: 1, symlinks: 0, bytes: 1 },
  watch: { backend: null, degraded: null },
  problems: [],
  problemCount: 0,
  scanningSince: null,
  oldestHintAt: null,
  hold: null,
  hooks: [],
  log: null,
}
const receiver = (name: string, sequence: number): ReceiverStatus => ({
  name,
  root: 'shop',
  state: 'live',
  sequence,
  durableSequence: 0,
  lag: { sequences: 0, seconds: 0 },
  toCome: { bytes: 0, share: null },
  owed: { count: 0, paths: [] },
  trash: null,
  clash: null,
  transport: null,
  region: null,
  connectedAt: null,
  lastSeenAt: null,
  lastError: null,
})

test('an event has the receivers that got on, and where nothing did there is none; a receiver that is gone is one', () => {
  const log = new EventLog('a')
  const told: { receivers: { name: string }[]; fleet: { receivers: number } }[] = []
  log.listen(({ data }) => told.push(JSON.parse(data)), new Set(['progress'] as const))
  const progress = new Progress(log, new History())
  const look = (...receivers: ReceiverStatus[]) => progress.look([root], receivers, 0)
  look(receiver('web1', 1), receiver('web2', 1))
  look(receiver('web1', 1), receiver('web2', 1))
  look(receiver('web1', 1), receiver('web2', 2))
  look(receiver('web1', 1))
  assert.deepEqual(
    told.map(({ receivers }) => receivers.map(({ name }) => name)),
    [['web1', 'web2'], ['web2'], []],
  )
  assert.equal(told.at(-1)?.fleet.receivers, 1)
})

test('a listener that comes later is told everything again; without listeners nothing is said', () => {
  const log = new EventLog('a')
  const progress = new Progress(log, new History())
  const look = () => progress.look([root], [receiver('web1', 1)], 0)
  look()
  const seen: string[] = []
  const end = log.listen(({ data }) => seen.push(data), new Set(['progress'] as const))
  look()
  end()
  look()
  assert.equal(seen.length, 1)
})
