/** What sessions share: one plan for all sessions at a cursor, until a segment differs from its plan. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { PackedSegment, PlanSummary, ToRoot } from '../../root-messages.ts'
import type { RootThread } from '../root-thread.ts'
import { Hub } from './hub.ts'

/**
 * A root's thread that answers at once: each plan is new, and a segment is as planned unless the test says otherwise.
 */
class AnsweringRoot implements Pick<RootThread, 'ask' | 'tell'> {
  readonly told: ToRoot['type'][] = []
  readonly asked: string[] = []
  isAsPlanned = true
  isLaidOut = true
  #plans = 0

  async ask(type: string, request: object): Promise<never> {
    this.asked.push(type)
    if (type === 'lay-out') return await new Promise(() => undefined)
    const from = 'from' in request ? Number(request.from) : 0
    this.#plans += type === 'plan' ? 1 : 0
    const plan: PlanSummary = {
      id: this.#plans,
      base: from,
      from,
      to: from + 1,
      head: from + 1,
      whole: 0,
      isWhole: true,
      request: null,
      changes: 1,
      bytes: 0,
      mayBeOvertaken: false,
      isLaidOut: this.isLaidOut,
      segments: [{ slice: null }],
    }
    const segment: PackedSegment = { header: '', payload: new Uint8Array(0), isAsPlanned: this.isAsPlanned }
    return (type === 'plan' ? plan : segment) as never
  }

  tell(message: { type: ToRoot['type'] }): void {
    this.told.push(message.type)
  }
}

const at = (from: number) => ({
  from,
  base: from,
  whole: from,
  to: null,
  isRest: false,
  isFrail: false,
  shown: 0,
  limit: null,
})

test('sessions at a cursor share a plan, and the last one to leave drops it', async () => {
  const root = new AnsweringRoot()
  const hub = new Hub(root)
  const [one, other] = await Promise.all([hub.join(at(5), 'live'), hub.join(at(5), 'bulk')])
  assert.equal(one.id, other.id)
  hub.leave(one)
  assert.equal((await hub.join(at(5), 'live')).id, one.id)
  hub.leave(one)
  assert.deepEqual(root.told, [])
  hub.leave(one)
  assert.deepEqual(root.told, ['release'])
  assert.notEqual((await hub.join(at(5), 'live')).id, one.id)
})

test('who gets a segment that is not as planned shares no plan of before: it may count on what the segment lacked', async () => {
  const root = new AnsweringRoot()
  const hub = new Hub(root)
  const behind = await hub.join(at(4), 'live')
  const ahead = await hub.join(at(5), 'live')
  root.isAsPlanned = false
  const lease = await hub.segment(behind, 0, false, 'live')
  lease.release()
  hub.leave(behind)
  const fresh = await hub.join(at(5), 'live')
  assert.notEqual(fresh.id, ahead.id)
  // Sessions at the old plan finish it undisturbed, and the new plan stays.
  hub.leave(ahead)
  assert.equal((await hub.join(at(5), 'live')).id, fresh.id)
})

test('a plan of a round, or for receivers that had everything at another sequence, is another one at the same cursor', async () => {
  const hub = new Hub(new AnsweringRoot())
  const alone = await hub.join(at(5), 'live')
  const inRound = await hub.join({ ...at(5), to: 9 }, 'round')
  assert.notEqual(alone.id, inRound.id)
  assert.notEqual((await hub.join({ ...at(5), whole: 3 }, 'live')).id, alone.id)
  // It was made before what those receivers were shown.
  assert.notEqual((await hub.join({ ...at(5), shown: 8 }, 'live')).id, alone.id)
  assert.notEqual((await hub.join({ ...at(5), base: 3, to: 9 }, 'round')).id, inRound.id)
})

test('however many large files are read for their plans, others get their segments', async () => {
  const root = new AnsweringRoot()
  const hub = new Hub(root)
  const other = await hub.join(at(1), 'bulk')
  root.isLaidOut = false
  for (const from of [5, 6, 7]) void hub.layOut(await hub.join(at(from), 'live'))
  for (const urgency of ['bulk', 'live'] as const) void hub.segment(other, 0, urgency === 'bulk', urgency)
  await nextTurn()
  assert.deepEqual(root.asked.slice(-2), ['pack', 'pack'])
})
