/** For whom a round waits: not again for who did not answer, and again for who was late, after a while; and what an interruption ends. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { RollingOrder } from './rolling.ts'
import { outcomeOf, type RoundReport } from './round-report.ts'
import { Rounds } from './rounds.ts'
import type { Session } from './session.ts'

const LONG_MS = 60_000

/** What rounds see of a session. */
function sessionOf(receiver: string, rests: boolean) {
  const rounds = { staged: 0, left: -1, burstMs: 0 }
  const state = {
    phase: 'live',
    committed: 0,
    cursor: 0,
    keepsUp: true,
    said: { failing: null, isReady: true },
    rounds,
  }
  const session = { receiver, state, isClosed: false, told: [] as number[] }
  return {
    ...session,
    isAtRest: () => rests,
    enter: () => undefined,
    wakeUp: () => undefined,
    leave(to: number) {
      this.told.push(to)
    },
  }
}

function farm(t: TestContext, rests = false) {
  let now = 0
  t.mock.timers.enable({ apis: ['setTimeout'] })
  t.mock.method(performance, 'now', () => now)
  const [member, aside] = [sessionOf('web1', true), sessionOf('web2', rests)]
  const sessions = new Map([
    ['web1', member],
    ['web2', aside],
  ]) as unknown as ReadonlyMap<string, Session>
  const decided: number[] = []
  const reports: RoundReport[] = []
  const rounds = new Rounds({
    sessions,
    end: async (to, goes) => decided.push(goes ? to : -to),
    told: (report) => reports.push(report),
    failed: (error) => assert.fail(String(error)),
    lateReaders: () => [],
  })
  const pass = async (ms: number) => {
    now += ms
    t.mock.timers.tick(ms)
    await new Promise((resolve) => setImmediate(resolve))
  }
  /** Begins a round that the member has staged. */
  const staged = (to: number, rolling: RollingOrder | null = null) => {
    rounds.begin(to - 10, to, { patienceMs: LONG_MS, rolling, isStep: false })
    member.state.rounds.staged = to
    rounds.look()
  }
  const shown = async (to: number, restMs = LONG_MS) => {
    await pass(1)
    member.state.committed = to
    rounds.look()
    await pass(restMs)
  }
  return { rounds, member, aside, decided, reports, pass, staged, shown }
}

test('the next round waits for one that answered after the others were let go, and not for one that never did', async (t) => {
  const { rounds, aside, decided, pass, staged, shown } = farm(t)
  staged(10)
  assert.deepEqual(aside.told, [10])
  await pass(LONG_MS)
  assert.deepEqual(decided, [10])
  await shown(10)
  staged(20)
  await pass(1)
  assert.deepEqual(
    [aside.told, decided],
    [
      [10, 20],
      [10, 20],
    ],
    'it has not answered: nobody waits',
  )
  aside.state.rounds.left = 20
  await shown(20)
  staged(30)
  await pass(1)
  assert.deepEqual(
    [aside.told, decided],
    [
      [10, 20, 30],
      [10, 20],
    ],
    'it has answered, late',
  )
  aside.state.rounds.left = 30
  rounds.look()
  await pass(1)
  assert.deepEqual(decided, [10, 20, 30])
})

test('one that was late once is a member again after a while, however often there are rounds', async (t) => {
  const { rounds, aside, decided, pass, staged, shown } = farm(t, true)
  const answers = (to: number) => {
    aside.state.rounds.left = to
    rounds.look()
    aside.state.committed = to
  }
  staged(10)
  await pass(LONG_MS + 1)
  assert.deepEqual(aside.told, [10], 'it is late')
  answers(10)
  await shown(10, 12_000)
  assert.deepEqual(decided, [10])
  let to = 20
  for (; to <= 30; to += 10) {
    staged(to)
    assert.equal(aside.told.at(-1), to)
    answers(to)
    await shown(to, 12_000)
  }
  staged(to)
  await pass(1)
  assert.deepEqual([aside.told.at(-1), decided.at(-1)], [30, 30], 'it is waited for')
})

test('a round that is interrupted while its decision is written down is what that says', async (t) => {
  const { rounds, aside, decided, reports, staged } = farm(t)
  staged(10)
  aside.state.rounds.left = 10
  rounds.look()
  rounds.abort()
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(decided, [10])
  assert.equal(reports.at(-1)?.at, 'go')
})

test('a rolling release that is interrupted says so, and that some show it', async (t) => {
  const { rounds, member, reports, pass, staged } = farm(t)
  staged(10, { size: 1, drainMs: 0, readyMs: LONG_MS })
  member.state.rounds.left = 10
  rounds.look()
  member.state.committed = 10
  rounds.look()
  rounds.abort()
  await pass(1)
  const report = reports.at(-1)
  assert.equal(report?.stopped, 'it was interrupted')
  assert.equal(report === undefined ? null : outcomeOf(report), 'partial')
})
