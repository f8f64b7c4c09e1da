/** What is told to a person, in which order, and that a fleet that is well tells nothing. */
import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import type { ReceiverStatus } from '@rootferry/agent/api'
import { fleetWith, NOW_MS, RECEIVER, ROOT } from '../../test-support/examples.ts'
import { attentionOf } from './attention.ts'
import type { Fleet, Root } from './fleet.ts'

const titles = (fleet: Fleet) => attentionOf(fleet, NOW_MS).map(({ title }) => title)
const HOLD = { id: 'h', sequence: 1, since: '', reason: '', by: 'ops', overdue: false, refused: null }
const held: Root['hold'] = { ...HOLD, pending: { changes: 3, bytes: 2_000 } }

test('a fleet that is well needs nobody: nor does a planned hold, a first sync, or a server that has not joined', () => {
  const others: ReceiverStatus[] = [
    RECEIVER,
    { ...RECEIVER, name: 'web2', state: 'replaying', lag: { sequences: 9, seconds: 400 } },
    { ...RECEIVER, name: 'web3', state: 'expected', lastSeenAt: null },
    { ...RECEIVER, name: 'web4', state: 'resyncing' },
  ]
  assert.deepEqual(titles(fleetWith(others, { hold: held })), [])
})

describe('needs a person:', () => {
  const ROOTS: [Partial<Root>, string][] = [
    [{ state: 'halted', reason: 'it is empty' }, 'shop is halted'],
    [{ state: 'unavailable' }, 'shop cannot be served'],
    [{ hold: { ...held, overdue: true } }, 'shop is held for longer than planned'],
    [{ hold: { ...held, refused: 'the guard' } }, 'shop was not released'],
    [{ watch: { backend: 'directory', degraded: 'the limit' } }, 'shop is not watched as a whole'],
    [
      { log: { state: 'off', why: 'no server', sequence: 1, readers: 2, snapshot: null, regions: [] } },
      'The log of shop on NATS is not written',
    ],
    [
      {
        log: {
          ...{ state: 'publishing', why: null, sequence: 1, readers: 2, snapshot: null },
          regions: [{ name: 'west', readers: 0, behind: null, why: 'no answer' }],
        },
      },
      'Region west has no mirror of the log of shop',
    ],
    [{ problemCount: 2 }, '2 paths of shop cannot be sent'],
    [{ hooks: [{ command: 'x', isDue: false, runs: 1, failures: 1, lastError: 'no' }] }, 'A hook of shop fails'],
  ]
  for (const [root, title] of ROOTS) it(title, () => assert.deepEqual(titles(fleetWith([RECEIVER], root)), [title]))
  const RECEIVERS: [Partial<ReceiverStatus>, string][] = [
    [{ state: 'failed', lastError: 'ENOSPC' }, 'web1 cannot commit'],
    [{ state: 'offline' }, 'web1 is offline'],
    [{ state: 'left-behind' }, 'web1 was left behind'],
    [{ state: 'awaiting-accept' }, 'web1 waits for a yes'],
    [{ owed: { count: 1, paths: [] } }, 'web1 cannot make some paths right'],
    [{ clash: 'two' }, 'Two nodes use one token: web1'],
  ]
  for (const [receiver, title] of RECEIVERS)
    it(title, () => assert.deepEqual(titles(fleetWith([{ ...RECEIVER, ...receiver }])), [title]))
})

test('the gravest comes first, and every item says what to do', () => {
  const fleet = fleetWith([{ ...RECEIVER, state: 'offline' }], { problemCount: 1, state: 'halted' })
  const items = attentionOf(fleet, NOW_MS)
  assert.deepEqual(
    items.map(({ tone }) => tone),
    ['bad', 'bad', 'warning'],
  )
  assert.ok(items.every(({ advice }) => advice.length > 20))
})

test('one trouble of many receivers is one item, which names the first of them', () => {
  const many = Array.from({ length: 40 }, (_, at) => ({ ...RECEIVER, name: `web${at}`, state: 'offline' as const }))
  const [item, ...others] = attentionOf(fleetWith(many), NOW_MS)
  assert.equal(item?.title, '40 receivers are offline')
  assert.match(item?.detail ?? '', /^web0, web1, web2, .* and 32 more$/)
  assert.deepEqual(others, [])
})

test('a receiver of several roots is in a trouble once, and is counted once', () => {
  const of = (name: string, root: string): ReceiverStatus => ({ ...RECEIVER, name, root, state: 'offline' })
  const fleet = (names: readonly string[]): Fleet => {
    const { roots, ...rest } = fleetWith(names.flatMap((name) => [of(name, 'shop'), of(name, 'blog')]))
    return { ...rest, roots: new Map([...roots, ['blog', { ...ROOT, name: 'blog' }]]) }
  }
  const [item, ...others] = attentionOf(fleet(['web1']), NOW_MS)
  assert.equal(item?.title, 'web1 is offline')
  assert.match(item?.detail ?? '', /^Last seen [^:]*\. blog: It has missed .* shop: It has missed /)
  assert.deepEqual(others, [])
  assert.deepEqual(titles(fleet(['web1', 'web2', 'web3', 'web4'])), ['4 receivers are offline'])
})

test('a certificate is told of two weeks before its end, and gravely in the last days', () => {
  const ending = (days: number) => {
    const expiresAt = new Date(NOW_MS + days * 86_400_000).toISOString()
    return attentionOf({ ...fleetWith([RECEIVER]), certificate: { fingerprint: 'x', expiresAt } }, NOW_MS)
  }
  assert.deepEqual(ending(15), [])
  assert.equal(ending(10)[0]?.tone, 'warning')
  assert.equal(ending(1)[0]?.title, 'The certificate expires in a day')
  assert.equal(ending(-1)[0]?.tone, 'bad')
})
