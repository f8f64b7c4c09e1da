/** What the status says of a root is what the schema of the status knows: the command line accepts nothing else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Errors } from 'typebox/value'
import { newRootState, type RootState } from '../root-state.ts'
import { rootAnswer } from './root-answer.ts'
import { ReceiverStatus } from './status-schema.ts'

const NOW = { at: new Date(0), ms: 0 }
const fresh = newRootState('shop', NOW)
const plan = {
  entries: 9,
  right: 1,
  missing: 2,
  missingBytes: 3,
  differing: 4,
  replaced: 1,
  extraneous: 5,
  trash: null,
}

const STATES: [what: string, change: Partial<RootState>][] = [
  ['before it has reached the agent', {}],
  [
    'with all that may be known',
    {
      phase: 'awaiting-accept',
      awaitsAccept: true,
      disconnected: null,
      connected: true,
      clash: { text: 'another node', heard: NOW },
      leftBehind: 7,
      prepared: 8,
      inDoubtSince: NOW.at,
      returning: [null, 2],
      hooks: [{ command: 'reload', readyAfter: true, isDue: true, runs: 2, failures: 1, lastError: 'no' }],
      problems: [{ path: 'a', code: 'EPERM', message: 'no' }],
      firstJoin: { ...plan, paths: [{ path: 'a', kind: 'changed' }] },
      trash: { batches: 1, bytes: 2, oldestAt: NOW.at.toISOString() },
      lastError: 'no',
      failing: 'no',
    },
  ],
]

for (const [what, change] of STATES)
  test(`the status of a root ${what} is understood`, () => {
    const roots = [rootAnswer({ ...fresh, ...change }, NOW.ms)]
    const status = { version: '1.0.0', name: 'web1', ready: false, reasons: [], roots }
    assert.deepEqual([...Errors(ReceiverStatus, JSON.parse(JSON.stringify(status)))], [])
  })
