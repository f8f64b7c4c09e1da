/** A round: the complete table of states and events, deadlines, and laws over random events. */
import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import fc from 'fast-check'
import { GO_MS } from '../../root-messages.ts'
import { COMMIT_MS, LEAVE_MS } from './rolling.ts'
import {
  beginRound,
  dueAt,
  FENCE_MS,
  MOST_MS,
  type Round,
  type RoundEffect,
  type RoundEvent,
  type RoundStep,
  step,
} from './round.ts'

const PATIENCE_MS = 5_000
const order = (members: string[], aside: string[] = []) => ({ to: 9, members, aside, patienceMs: PATIENCE_MS })

/** @returns the round after the events, each a millisecond after the one before, and the effects of the last */
function after(begun: { round: Round }, ...events: RoundEvent[]) {
  let { round } = begun
  let effects: RoundEffect[] = []
  for (const [at, event] of events.entries()) ({ round, effects } = step(round, event, at + 1))
  return { round, effects }
}

const ROLLING = { size: 1, drainMs: 3_000, readyMs: 60_000 }

const staged = (name: string): RoundEvent => ({ type: 'staged', name })
const left = (name: string): RoundEvent => ({ type: 'left', name })
const gone = (name: string): RoundEvent => ({ type: 'gone', name })
const committed = (name: string): RoundEvent => ({ type: 'committed', name, burstMs: 1 })
const joined = (name: string): RoundEvent => ({ type: 'joined', name })
const failing = (name: string): RoundEvent => ({ type: 'failing', name, isFailing: true })
const DECIDED: RoundEvent = { type: 'decided' }
const TIME: RoundEvent = { type: 'time' }

describe('the table', () => {
  const collect = () => beginRound(order(['a', 'b']), 0)
  const fence = () => ({ round: step(after(collect(), staged('a')).round, TIME, PATIENCE_MS).round })
  const roll = () => after(beginRound({ ...order(['a', 'b']), rolling: ROLLING }, 0), staged('a'), staged('b'))
  const decide = () => after(collect(), staged('a'), staged('b'))
  const go = () => after(decide(), DECIDED)
  const over = () => after(go(), committed('a'), committed('b'))
  const voided = () => step(collect().round, TIME, MOST_MS)
  const STATES = { collect, fence, roll, decide, go, over, void: voided }
  /** State → event of receiver b → the state afterwards, and effects where there are some. */
  const TABLE: Record<keyof typeof STATES, Record<RoundEvent['type'], string>> = {
    collect: {
      staged: 'collect',
      left: 'collect',
      gone: 'collect',
      committed: 'collect',
      joined: 'collect',
      failing: 'collect',
      ready: 'collect',
      decided: 'collect',
      time: 'collect',
    },
    fence: {
      staged: 'fence',
      left: 'decide: decide',
      gone: 'decide: decide',
      committed: 'decide: decide',
      joined: 'fence',
      failing: 'fence',
      ready: 'fence',
      decided: 'fence',
      time: 'fence',
    },
    roll: {
      staged: 'roll',
      left: 'roll',
      gone: 'roll',
      committed: 'roll',
      joined: 'roll',
      failing: 'roll',
      ready: 'roll',
      decided: 'roll',
      time: 'roll',
    },
    decide: {
      staged: 'decide',
      left: 'decide',
      gone: 'decide',
      committed: 'decide',
      joined: 'decide',
      failing: 'decide',
      ready: 'decide',
      decided: 'go: go',
      time: 'decide',
    },
    go: {
      staged: 'go',
      left: 'go',
      gone: 'go',
      committed: 'go',
      joined: 'go',
      failing: 'go',
      ready: 'go',
      decided: 'go',
      time: 'go',
    },
    over: {
      staged: 'over',
      left: 'over',
      gone: 'over',
      committed: 'over',
      joined: 'over',
      failing: 'over',
      ready: 'over',
      decided: 'over',
      time: 'over',
    },
    void: {
      staged: 'void',
      left: 'void',
      gone: 'void',
      committed: 'void',
      joined: 'void',
      failing: 'void',
      ready: 'void',
      decided: 'void',
      time: 'void',
    },
  }
  for (const [state, make] of Object.entries(STATES)) {
    const row = TABLE[state as keyof typeof STATES]
    for (const type of Object.keys(row) as RoundEvent['type'][]) {
      it(`${state}, ${type} → ${row[type]}`, () => {
        const { round } = make()
        assert.equal(round.at, state)
        const event = { type, name: 'b', isFailing: true, isReady: true, burstMs: 1 } as RoundEvent
        const { round: next, effects } = step(round, event, round.sinceMs + 1)
        const did = effects.map((effect) => effect.do).join(', ')
        assert.equal(did === '' ? next.at : `${next.at}: ${did}`, row[type])
      })
    }
  }
})

describe('collecting', () => {
  it('ends when all have staged, and a round without members goes at once', () => {
    const round = after(beginRound(order(['a', 'b']), 0), staged('a'), staged('b'))
    assert.deepEqual([round.round.at, round.effects], ['decide', [{ do: 'decide' }]])
    assert.equal(beginRound(order([]), 0).round.at, 'decide')
  })

  it('waits for nobody who is gone', () => {
    assert.equal(after(beginRound(order(['a', 'b']), 0), staged('a'), gone('b')).round.at, 'decide')
  })

  it('ends after the patience when half have staged, else after twice the time that half took', () => {
    const { round } = after(beginRound(order(['a', 'b']), 0), staged('a'))
    assert.equal(dueAt(round), PATIENCE_MS)
    const begun = beginRound(order(['a', 'b', 'c']), 0).round
    assert.equal(dueAt(begun), MOST_MS)
    const one = step(begun, staged('a'), 1_000).round
    assert.equal(dueAt(one), MOST_MS)
    const two = step(one, staged('b'), 4_000).round
    assert.equal(dueAt(two), 8_000)
    const late = step(two, TIME, 8_000)
    assert.equal(late.round.at, 'fence')
    assert.deepEqual(late.effects, [{ do: 'leave', names: ['c'] }])
  })

  it('does not count who cannot commit', () => {
    const begun = beginRound(order(['a', 'b']), 0)
    const { round } = after(begun, failing('a'), failing('b'))
    assert.equal(dueAt(round), PATIENCE_MS)
    assert.deepEqual(step(round, TIME, PATIENCE_MS).effects, [{ do: 'leave', names: ['a', 'b'] }])
  })

  it('is void when nobody could stage: then the fault is not theirs', () => {
    assert.deepEqual(step(beginRound(order(['a']), 0).round, TIME, MOST_MS).effects, [{ do: 'void' }])
  })
})

describe('the fence', () => {
  it('is for all that are connected and have not staged, members or not', () => {
    const { round, effects } = after(beginRound(order(['a'], ['x']), 0), joined('y'), staged('a'))
    assert.equal(round.at, 'fence')
    assert.deepEqual(effects, [{ do: 'leave', names: ['x', 'y'] }])
    assert.equal(after({ round }, left('x')).round.at, 'fence')
    assert.equal(after({ round }, left('x'), left('y')).round.at, 'decide')
  })

  it('tells who comes now at once, and is over in time', () => {
    const { round } = after(beginRound(order(['a'], ['x']), 0), staged('a'))
    const come = step(round, joined('z'), 2)
    assert.deepEqual(come.effects, [{ do: 'leave', names: ['z'] }])
    const end = step(step(come.round, left('x'), 3).round, TIME, round.sinceMs + FENCE_MS)
    assert.deepEqual(end.effects, [{ do: 'decide' }])
    assert.deepEqual(
      [...end.round.members].map(([name, { standing, isLate }]) => [name, standing, isLate]),
      [
        ['a', 'staged', false],
        ['x', 'left', true],
        ['z', 'unfenced', true],
      ],
    )
  })
})

describe('a rolling release', () => {
  const ready = (name: string, isReady = true): RoundEvent => ({ type: 'ready', name, isReady })
  const did = ({ effects }: { effects: RoundEffect[] }) =>
    effects.map((effect) => ('name' in effect ? `${effect.do} ${effect.name}` : effect.do)).join(', ')
  const begun = (rolling = ROLLING, members = ['a', 'b', 'c']) => {
    let next = beginRound({ ...order(members, ['x']), rolling }, 0)
    for (const name of members) next = step(next.round, ready(name), 1)
    for (const name of members) next = step(next.round, staged(name), 2)
    return next
  }

  it('takes receivers out one after another: drain, commit, ready again; and those aside leave when all have had their turn', () => {
    let next = begun()
    const told = [did(next)]
    for (const name of ['a', 'b', 'c']) {
      const events = [ready(name, false), left(name), TIME, committed(name), ready(name)]
      for (const [at, event] of events.entries()) {
        // The drain is over with `time`.
        const now = Math.max(next.round.sinceMs, dueAt(next.round) ?? 0) + (at === 2 ? 0 : -1)
        next = step(next.round, event, now)
        if (did(next) !== '') told.push(did(next))
      }
    }
    assert.deepEqual(told, ['drain a', 'commit a', 'drain b', 'commit b', 'drain c', 'commit c', 'leave'])
    next = step(next.round, left('x'), 99_998)
    assert.equal(did(next), 'decide')
    assert.equal(step(next.round, DECIDED, 99_999).round.at, 'over')
  })

  it('takes as many at a time as it may, and whoever is back makes room', () => {
    const two = begun({ ...ROLLING, size: 2, drainMs: 0 })
    assert.equal(did(two), 'drain a, drain b')
    const away = after({ round: two.round }, ready('b', false), left('b'))
    assert.equal(did(away), 'commit b')
    assert.equal(did(after(away, committed('b'), ready('b'))), 'drain c')
  })

  it('stops at the first that fails, and says which', () => {
    const drained = after(begun({ ...ROLLING, drainMs: 0 }), ready('a', false), left('a'))
    const shown = after(drained, committed('a'))
    const CASES: [RoundStep, string][] = [
      [step(drained.round, gone('a'), 9), 'a was lost'],
      [step(drained.round, failing('a'), 9), 'a cannot commit'],
      [step(begun().round, TIME, LEAVE_MS + 2), 'a did not leave the load balancer'],
      [step(drained.round, TIME, COMMIT_MS + 9), 'a has not committed within 60 s'],
      [step(shown.round, TIME, ROLLING.readyMs + 9), 'a was not ready again within 60 s'],
    ]
    for (const [{ round, effects }, stopped] of CASES) {
      assert.deepEqual([round.at, round.rolling?.stopped], ['void', stopped])
      assert.deepEqual(effects, [{ do: 'void' }])
    }
    // Before its turn it is no failure.
    assert.equal(step(begun().round, gone('b'), 9).round.at, 'roll')
  })

  it('leaves behind who does not stage in time, and counts who has everything', () => {
    const { round } = after(beginRound({ ...order(['a', 'b']), done: ['d'], rolling: ROLLING }, 0), staged('a'))
    const fenced = step(round, TIME, PATIENCE_MS)
    assert.deepEqual(fenced.effects, [{ do: 'leave', names: ['b'] }])
    assert.equal(did(step(fenced.round, left('b'), PATIENCE_MS + 1)), 'drain a')
    assert.equal(beginRound({ ...order([]), done: ['d'], rolling: ROLLING }, 0).round.at, 'decide')
  })
})

test('who has staged is waited for after the decision, and not for ever; who is late is not', () => {
  const begun = after(beginRound(order(['a', 'b', 'c']), 0), staged('a'), staged('b'))
  const fenced = step(begun.round, TIME, PATIENCE_MS).round
  const { round } = after({ round: fenced }, left('c'), DECIDED)
  assert.equal(round.at, 'go')
  assert.equal(after({ round }, committed('a'), gone('b')).round.at, 'over')
  assert.equal(step(round, TIME, round.sinceMs + GO_MS).round.at, 'over')
})

test('whatever happens: nobody goes before all have staged, left, gone, or had their time; and it ends in time', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'x', 'y')
  const events = fc.oneof(
    fc.record({ type: fc.constantFrom('staged', 'left', 'gone', 'joined' as const), name }),
    fc.record({ type: fc.constant('committed' as const), name, burstMs: fc.nat(99) }),
    fc.record({ type: fc.constant('failing' as const), name, isFailing: fc.boolean() }),
    fc.record({ type: fc.constant('decided' as const) }),
    fc.record({ type: fc.constant('time' as const) }),
  ) as fc.Arbitrary<RoundEvent>
  fc.assert(
    fc.property(fc.array(fc.tuple(events, fc.nat(4_000)), { maxLength: 60 }), (steps) => {
      let now = 0
      let { round } = beginRound(order(['a', 'b', 'c'], ['x']), now)
      for (const [event, pauseMs] of steps) {
        const due = dueAt(round)
        now = Math.max(now, Math.min(now + pauseMs, due ?? Number.POSITIVE_INFINITY))
        const before = round.at
        const next = step(round, event, now)
        round = next.round
        if (before === 'decide' || round.at !== 'decide') continue
        for (const { standing } of round.members.values()) assert.ok(standing !== 'staging' && standing !== 'aside')
        assert.ok(now <= MOST_MS + FENCE_MS)
      }
    }),
  )
})
