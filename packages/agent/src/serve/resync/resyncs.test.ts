/** Resyncs from their order to their end, on lines that only record what they are told. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '@rootferry/host/machine'
import type { ResyncProgress } from '@rootferry/protocol'
import type { ResyncStatus } from '../schemas/resyncs.ts'
import { MOST_KEPT_CHARACTERS } from './kept-differences.ts'
import { decodeKeptResyncs, encodeKeptResyncs, type KeptResync } from './kept-resyncs.ts'
import type { ResyncJob, ResyncOrder } from './resync-job.ts'
import { type ResyncLine, ResyncQueue } from './resync-queue.ts'
import { ResyncRefused, type ResyncRequest } from './resync-request.ts'
import { MOST_REMEMBERED, Resyncs } from './resyncs.ts'

class FakeLine implements ResyncLine {
  isResyncFree = true
  committed = 0
  readonly orders: ({ id: number } & ResyncOrder)[] = []
  readonly cancelled: number[] = []

  startResync(id: number, order: ResyncOrder): void {
    this.isResyncFree = false
    this.orders.push({ id, ...order })
  }

  cancelResync(id: number): void {
    this.cancelled.push(id)
  }

  get last(): number {
    return this.orders.at(-1)?.id ?? 0
  }
}

/** A root that the receivers web1 and web2 have connected to before. */
class FakeRoot {
  readonly lines = new Map<string, FakeLine>()
  /** Set when it belongs to resyncs. */
  jobChanged: (job: ResyncJob) => void = () => undefined
  readonly queue = new ResyncQueue({
    lineTo: (receiver) => this.lines.get(receiver),
    changed: (job) => this.jobChanged(job),
  })
  readonly known: readonly string[]
  prepared = Promise.withResolvers<{ head: number }>()
  goesFirst = true

  constructor(...known: string[]) {
    this.known = known
    for (const name of known) this.lines.set(name, new FakeLine())
  }

  knows(receiver: string): boolean {
    return this.known.includes(receiver)
  }

  resync(jobs: readonly ResyncJob[]): void {
    this.queue.enqueue(jobs, this.prepared.promise, this.goesFirst)
  }

  keptResyncs: readonly KeptResync[] = []

  keepResyncs(orders: readonly KeptResync[]): void {
    this.keptResyncs = orders
  }

  cancelResync(job: ResyncJob): void {
    this.queue.cancel(job)
  }

  line(receiver: string): FakeLine {
    return this.lines.get(receiver) ?? assert.fail()
  }

  report(receiver: string, state: ResyncProgress['state'], given: Partial<ResyncProgress> = {}): void {
    const line = this.line(receiver)
    if (state !== 'running') line.isResyncFree = true
    const counts = { checked: 5, missing: 1, changed: 0, extraneous: 0, repaired: 1, bytes: 10 }
    const rest = { id: line.last, state, differences: [], error: null }
    this.queue.progress(receiver, { type: 'resync-progress', ...rest, ...counts, ...given })
  }
}

const ALL: ResyncRequest = { root: null, receivers: [], paths: [], check: 'metadata', dryRun: false }

function setUp(roots: Record<string, FakeRoot>, receivers: readonly string[] = ['web1', 'web2', 'web3']) {
  let ids = 0
  const changes: ResyncStatus[] = []
  const resyncs = new Resyncs({
    roots: new Map(Object.entries(roots)),
    receivers: () => [...receivers],
    isGranted: (receiver, root) => receiver !== 'web1' || root !== 'blog',
    now: () => new Date(1_700_000_000_000 + ids),
    newId: () => `r${++ids}`,
    changed: (status) => changes.push(status),
  })
  for (const root of Object.values(roots)) root.jobChanged = (job) => resyncs.jobChanged(job)
  return { resyncs, changes }
}

const statesOf = ({ receivers }: ResyncStatus) => Object.values(receivers).map(({ state }) => state)

async function prepare(root: FakeRoot): Promise<void> {
  root.prepared.resolve({ head: 0 })
  await root.prepared.promise
}

test('it waits for the look at the tree, then runs where a receiver is free, one after the other', async () => {
  const shop = new FakeRoot('web1', 'web2')
  const { resyncs, changes } = setUp({ shop })
  shop.lines.delete('web2')
  const first = resyncs.create({ ...ALL, paths: ['a', 'a/b', 'c', 'a'] })
  const second = resyncs.create({ ...ALL, receivers: ['web1'], check: 'content', dryRun: true })
  assert.deepEqual([statesOf(first), first.root, first.state], [['pending', 'pending'], 'shop', 'running'])
  assert.equal(shop.line('web1').orders.length, 0)
  await prepare(shop)
  const { id: _, ...order } = shop.line('web1').orders[0] ?? assert.fail()
  assert.deepEqual(order, { paths: ['a', 'c'], check: 'metadata', dryRun: false })
  assert.deepEqual(statesOf(resyncs.get(first.id) ?? assert.fail()), ['running', 'pending'])
  shop.report('web1', 'running', { differences: [{ path: 'a', kind: 'missing' }] })
  shop.report('web1', 'done', { differences: [{ path: 'b', kind: 'changed' }] })
  const reported = resyncs.get(first.id)?.receivers['web1']
  assert.deepEqual([reported?.state, reported?.differences.length, reported?.bytes], ['done', 2, 10])
  assert.equal(shop.line('web1').orders.length, 2)
  shop.report('web1', 'done')
  assert.equal(resyncs.get(second.id)?.state, 'done')
  assert.equal(resyncs.get(first.id)?.finishedAt, null)
  shop.lines.set('web2', new FakeLine())
  shop.queue.pump('web2')
  shop.report('web2', 'failed', { error: 'x: EACCES' })
  const over = resyncs.get(first.id)
  assert.deepEqual([over?.state, over?.receivers['web2']?.error], ['failed', 'x: EACCES'])
  assert.ok(over?.finishedAt !== null && changes.at(-1)?.id === first.id)
  assert.deepEqual(
    resyncs.list().map(({ id }) => id),
    ['r2', 'r1'],
  )
})

test('a line that ends has it begin anew on the next one, before those that came later', async () => {
  const shop = new FakeRoot('web1')
  const { resyncs } = setUp({ shop })
  const [first] = [resyncs.create(ALL), resyncs.create({ ...ALL, dryRun: true })]
  await prepare(shop)
  shop.report('web1', 'running')
  const broken = shop.line('web1')
  shop.lines.delete('web1')
  shop.queue.ended('web1', new FakeLine())
  assert.equal(resyncs.get(first.id)?.receivers['web1']?.state, 'running')
  shop.queue.ended('web1', broken)
  const back = resyncs.get(first.id)?.receivers['web1']
  assert.deepEqual([back?.state, back?.checked], ['pending', 0])
  const line = new FakeLine()
  shop.lines.set('web1', line)
  shop.queue.pump('web1')
  assert.equal(line.orders[0]?.dryRun, false)
})

test('one that is cancelled is over at once, and the receiver is free when it has said so', async () => {
  const shop = new FakeRoot('web1')
  const { resyncs } = setUp({ shop })
  const [first, second] = [resyncs.create(ALL), resyncs.create(ALL)]
  await prepare(shop)
  assert.equal(resyncs.cancel(first.id)?.state, 'cancelled')
  assert.equal(resyncs.cancel('r9'), null)
  assert.deepEqual(shop.line('web1').cancelled, [1])
  assert.equal(shop.line('web1').orders.length, 1)
  shop.report('web1', 'cancelled', { repaired: 7 })
  const cancelled = resyncs.get(first.id)?.receivers['web1']
  assert.deepEqual([cancelled?.state, cancelled?.repaired], ['cancelled', 7])
  assert.equal(shop.line('web1').orders.length, 2)
  shop.report('web1', 'done')
  assert.equal(resyncs.cancel(second.id)?.state, 'done')
})

test('when the tree cannot be looked at, or the receiver never comes again, it has failed', async () => {
  const shop = new FakeRoot('web1', 'web2')
  const { resyncs } = setUp({ shop })
  const failed = resyncs.create(ALL)
  shop.prepared.reject(new Refusal('the root is halted'))
  await shop.prepared.promise.catch(() => null)
  assert.equal(resyncs.get(failed.id)?.state, 'failed')
  assert.equal(resyncs.get(failed.id)?.receivers['web1']?.error, 'the root is halted')
  shop.prepared = Promise.withResolvers()
  const other = resyncs.create({ ...ALL, receivers: ['web2'] })
  shop.queue.forget('web2')
  assert.equal(resyncs.get(other.id)?.state, 'failed')
})

test('the scan runs alongside the comparison, and the resync is over when the receiver has what the scan has found', async () => {
  const shop = new FakeRoot('web1', 'web2')
  shop.goesFirst = false
  const { resyncs } = setUp({ shop })
  const { id } = resyncs.create(ALL)
  const states = () => statesOf(resyncs.get(id) ?? assert.fail())
  assert.deepEqual(states(), ['running', 'running'])
  shop.report('web1', 'done')
  shop.line('web2').committed = 7
  assert.deepEqual(states(), ['running', 'running'])
  assert.equal(resyncs.get(id)?.receivers['web1']?.checked, 5)
  shop.prepared.resolve({ head: 7 })
  await shop.prepared.promise
  shop.report('web2', 'failed')
  assert.deepEqual(states(), ['running', 'failed'])
  shop.line('web1').committed = 7
  shop.queue.pump('web1')
  assert.deepEqual(states(), ['done', 'failed'])
})

test('a receiver whose line ends after its report, and before the look does, begins anew', async () => {
  const shop = new FakeRoot('web1')
  shop.goesFirst = false
  const { resyncs } = setUp({ shop })
  const { id } = resyncs.create(ALL)
  shop.report('web1', 'done')
  const line = shop.line('web1')
  shop.lines.set('web1', new FakeLine())
  shop.queue.ended('web1', line)
  assert.equal(shop.line('web1').orders.length, 1)
  await prepare(shop)
  assert.equal(resyncs.get(id)?.state, 'running')
  shop.report('web1', 'done')
  assert.equal(resyncs.get(id)?.state, 'done')
})

test('a look that fails amid a comparison ends it', async () => {
  const shop = new FakeRoot('web1')
  shop.goesFirst = false
  const { resyncs } = setUp({ shop })
  const { id } = resyncs.create(ALL)
  shop.prepared.reject(new Refusal('the root is halted'))
  await shop.prepared.promise.catch(() => null)
  assert.deepEqual([resyncs.get(id)?.state, shop.line('web1').cancelled], ['failed', [shop.line('web1').last]])
  shop.prepared = Promise.withResolvers()
  resyncs.create(ALL)
  assert.equal(shop.line('web1').orders.length, 1)
  shop.report('web1', 'cancelled')
  assert.equal(shop.line('web1').orders.length, 2)
})

test('several roots are one resync: each receiver takes part where it was before, or where it is asked for by name', () => {
  const roots = { shop: new FakeRoot('web1', 'web2'), blog: new FakeRoot('web2') }
  const { resyncs } = setUp(roots)
  const all = resyncs.create(ALL)
  assert.deepEqual([all.root, Object.keys(all.receivers)], [null, ['web1', 'web2']])
  assert.deepEqual(Object.keys(resyncs.create({ ...ALL, root: 'blog' }).receivers), ['web2'])
  assert.deepEqual(Object.keys(resyncs.create({ ...ALL, root: 'blog', receivers: ['web3'] }).receivers), ['web3'])
  const nobody = setUp({ shop: new FakeRoot() }).resyncs.create(ALL)
  assert.deepEqual([nobody.state, nobody.receivers], ['done', {}])
})

test('where there are several roots, differences and errors name theirs', async () => {
  const roots = { shop: new FakeRoot('web2'), blog: new FakeRoot('web2') }
  const { resyncs } = setUp(roots)
  const { id } = resyncs.create(ALL)
  await prepare(roots.shop)
  await prepare(roots.blog)
  roots.shop.report('web2', 'done', { differences: [{ path: 'index.php', kind: 'missing' }] })
  roots.blog.report('web2', 'failed', { differences: [{ path: 'index.php', kind: 'changed' }], error: 'x: EACCES' })
  const { differences, error } = resyncs.get(id)?.receivers['web2'] ?? assert.fail()
  assert.deepEqual(differences, [
    { root: 'shop', path: 'index.php', kind: 'missing' },
    { root: 'blog', path: 'index.php', kind: 'changed' },
  ])
  assert.equal(error, 'blog: x: EACCES')
})

test('what cannot be carried out is refused with a code', () => {
  const { resyncs } = setUp({ shop: new FakeRoot('web1') })
  const refused = (given: Partial<ResyncRequest>) => {
    try {
      resyncs.create({ ...ALL, ...given })
    } catch (error) {
      return error instanceof ResyncRefused ? error.code : error
    }
    return null
  }
  assert.equal(refused({ root: 'nowhere' }), 'unknown-root')
  assert.equal(refused({ receivers: ['web1', 'nobody'] }), 'unknown-receiver')
  const both = setUp({ shop: new FakeRoot('web1'), blog: new FakeRoot() }).resyncs
  assert.throws(() => both.create({ ...ALL, root: 'blog', receivers: ['web1'] }), /"web1" is not good for blog/)
  assert.deepEqual(Object.keys(both.create({ ...ALL, receivers: ['web1'] }).receivers), ['web1'])
  for (const path of ['/a', 'a/../b', '', 'a//b', 'a\0']) assert.equal(refused({ paths: [path] }), 'invalid-path')
  assert.equal(refused({ paths: Array.from({ length: 1_001 }, (_, number) => `p${number}`) }), 'invalid-path')
  assert.deepEqual(resyncs.list(), [])
})

test('only so many are remembered: the oldest that is over goes first, then the oldest', () => {
  const { resyncs } = setUp({ shop: new FakeRoot('web1') })
  const [waiting, over] = [resyncs.create(ALL), resyncs.create(ALL)]
  resyncs.cancel(over.id)
  for (let more = 2; more <= MOST_REMEMBERED; more += 1) resyncs.create(ALL)
  assert.equal(resyncs.list().length, MOST_REMEMBERED)
  assert.deepEqual([resyncs.get(over.id), resyncs.get(waiting.id)?.state], [null, 'running'])
  resyncs.create(ALL)
  assert.equal(resyncs.get(waiting.id), null)
})

test('an unfinished resync continues in the next life of the agent, under its id, for the receivers that it is still due to', async () => {
  const before = { shop: new FakeRoot('web1', 'web2'), blog: new FakeRoot('web2') }
  const first = setUp(before).resyncs
  const whole = first.create({ ...ALL, check: 'content' })
  const part = first.create({ ...ALL, root: 'shop', receivers: ['web2'], paths: ['a'], dryRun: true })
  const over = first.create({ ...ALL, root: 'blog' })
  first.cancel(over.id)
  await prepare(before.shop)
  before.shop.report('web1', 'done')
  first.close()
  before.shop.queue.abandon('the agent stops')
  before.blog.queue.abandon('the agent stops')

  const after = { shop: new FakeRoot('web1', 'web2'), blog: new FakeRoot('web2') }
  after.shop.keptResyncs = decodeKeptResyncs(encodeKeptResyncs(before.shop.keptResyncs))
  after.blog.keptResyncs = decodeKeptResyncs(encodeKeptResyncs(before.blog.keptResyncs))
  const next = setUp(after).resyncs
  assert.deepEqual(next.resume().sort(), [whole.id, part.id].sort())
  const again = next.get(whole.id) ?? assert.fail()
  assert.deepEqual(
    [again.root, again.check, again.state, again.createdAt],
    [null, 'content', 'running', whole.createdAt],
  )
  assert.deepEqual(Object.keys(again.receivers), ['web2'])
  await prepare(after.shop)
  await prepare(after.blog)
  for (const root of [after.shop, after.blog]) root.report('web2', 'done')
  assert.equal(next.get(whole.id)?.state, 'done')
  assert.deepEqual(after.shop.line('web2').orders.at(-1)?.paths, ['a'])
  after.shop.report('web2', 'done')
  assert.deepEqual([next.get(part.id)?.state, after.shop.keptResyncs, after.blog.keptResyncs], ['done', [], []])
})

test('nothing is resumed for a receiver whose token is gone, nor from a text that is not an order', () => {
  const shop = new FakeRoot('web9')
  const kept = {
    id: 'r1',
    createdAt: new Date(0).toISOString(),
    isOfSeveral: false,
    paths: ['.'],
    check: 'metadata' as const,
    dryRun: false,
  }
  shop.keptResyncs = [{ ...kept, receivers: ['web9'] }]
  assert.deepEqual(setUp({ shop }).resyncs.resume(), [])
  assert.deepEqual(shop.keptResyncs, [])
  for (const damaged of [
    null,
    '',
    '{}',
    '[{"id":1}]',
    encodeKeptResyncs([{ ...kept, createdAt: 'then', receivers: [] }]),
  ])
    assert.deepEqual(decodeKeptResyncs(damaged), [])
})

test('a hundred dry runs with a thousand differences each: lists name none, and what is kept of them is bounded', async () => {
  const shop = new FakeRoot('web1')
  const { resyncs } = setUp({ shop })
  await prepare(shop)
  for (let number = 0; number < MOST_REMEMBERED; number += 1) {
    resyncs.create({ ...ALL, dryRun: true })
    const differences = Array.from({ length: 1_000 }, (_, at) => ({
      path: `media/catalog/product/${number}/${at}`.padEnd(500, 'x'),
      kind: 'missing' as const,
    }))
    await shop.prepared.promise
    shop.report('web1', 'done', { missing: 1_000, differences })
  }
  const list = resyncs.list()
  assert.ok(JSON.stringify(list).length < 100 * MOST_REMEMBERED * 10)
  const kept = list.map(({ id }) => resyncs.get(id)?.receivers['web1'] ?? assert.fail())
  assert.deepEqual([kept[0]?.differences.length, kept.at(-1)?.differences.length], [1_000, 0])
  assert.ok(kept.every(({ missing }) => missing === 1_000))
  assert.ok(JSON.stringify(kept).length < 2 * MOST_KEPT_CHARACTERS)
})

test('a resync of many receivers names only so many differences of each', async () => {
  const names = Array.from({ length: 1_000 }, (_, number) => `web${number}`)
  const shop = new FakeRoot(...names)
  const { resyncs } = setUp({ shop }, names)
  const { id } = resyncs.create(ALL)
  await prepare(shop)
  const differences = Array.from({ length: 1_000 }, (_, at) => ({ path: `a${at}`, kind: 'changed' as const }))
  for (const name of names) shop.report(name, 'done', { changed: 1_000, differences })
  const receivers = Object.values(resyncs.get(id)?.receivers ?? {})
  assert.deepEqual([receivers.length, receivers[7]?.differences.length, receivers[7]?.changed], [1_000, 20, 1_000])
})
