/** In which order rounds come: of changes, where every change is one, and of releases. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Logger } from '@rootferry/host/daemon'
import { FeedHold, type FeedHoldParts } from './feed-hold.ts'
import type { Session } from './session.ts'

/** A receiver that follows, as rounds see its session; the test says what it stages and commits. */
function follower() {
  const state = {
    phase: 'live',
    committed: 10,
    cursor: 10,
    keepsUp: true,
    said: { failing: null, isReady: true },
    rounds: { staged: 0, left: -1, burstMs: 0 },
  }
  const entered: number[] = []
  const session = {
    receiver: 'web1',
    state,
    entered,
    isClosed: false,
    isAtRest: (from: number) => state.cursor === from,
    enter: ({ to }: { to: number }) => entered.push(to),
    wakeUp: () => undefined,
    leave: () => undefined,
    advanced: () => undefined,
  }
  return session
}

const ANSWERS = { 'end-round': { isPart: false }, 'end-hold': { outcome: 'released', isRound: true } }

function farm() {
  const session = follower()
  const holds = new FeedHold({
    thread: {
      ask: async (what: string) => ANSWERS[what as keyof typeof ANSWERS],
      tell: () => undefined,
    } as unknown as FeedHoldParts['thread'],
    sessions: new Map([['web1', session]]) as unknown as ReadonlyMap<string, Session>,
    readers: { of: () => null, lateAt: () => [] },
    watermarks: { headReached: () => undefined },
    log: {
      info: () => undefined,
      error: (details: object) => assert.fail(JSON.stringify(details)),
    } as unknown as Logger,
    together: 'always',
    told: () => undefined,
  })
  return { holds, session }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

test('a release that waits for the round of a change comes next, whatever changes meanwhile', async (t) => {
  const { holds, session } = farm()
  t.after(() => holds.abortRound())
  const shows = (to: number) => {
    Object.assign(session.state, { committed: to, cursor: to })
    holds.receiverChanged()
  }
  holds.advanced(10, 0)
  holds.advanced(20, 0)
  assert.deepEqual(session.entered, [20])
  session.state.rounds.staged = 20
  holds.receiverChanged()
  await settled()
  holds.advanced(30, 0)
  holds.roundBegins(20, 40)
  assert.deepEqual(session.entered, [20], 'it is decided already, and goes on')
  shows(20)
  await settled()
  assert.deepEqual(session.entered, [20, 40])
  session.state.rounds.staged = 40
  holds.receiverChanged()
  await settled()
  shows(40)
  await settled()
  assert.deepEqual(
    holds.rounds.map(({ to, isStep, ended }) => [to, isStep, ended !== null]),
    [[40, false, true]],
  )
})

test('a release that waits for the round of a change is answered with its own round', async (t) => {
  const { holds, session } = farm()
  t.after(() => holds.abortRound())
  holds.advanced(10, 0)
  holds.advanced(20, 0)
  session.state.rounds.staged = 20
  holds.receiverChanged()
  await settled()
  const releasing = holds.release({ dryRun: false } as Parameters<FeedHold['release']>[0])
  holds.roundBegins(20, 40)
  await settled()
  Object.assign(session.state, { committed: 20, cursor: 20 })
  holds.receiverChanged()
  const { round } = await releasing
  const [report] = holds.rounds
  assert.deepEqual([report?.to, report?.id], [40, round?.id])
})

test('a release that waits when the root is closed ends, and another one can be ordered', async () => {
  const { holds, session } = farm()
  holds.advanced(10, 0)
  holds.advanced(20, 0)
  session.state.rounds.staged = 20
  holds.receiverChanged()
  await settled()
  const order = { dryRun: false } as Parameters<FeedHold['release']>[0]
  const releasing = holds.release(order)
  holds.roundBegins(20, 40)
  holds.abortRound()
  Object.assign(session.state, { committed: 20, cursor: 20 })
  holds.receiverChanged()
  await settled()
  holds.abortRound()
  await (await releasing).round?.ended
  await settled()
  await assert.doesNotReject(holds.release(order))
  holds.abortRound()
})
