/** A round over a log waits for its readers, tells those that are slow, and waits for none of them for long. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type Ack, LogReaders } from './log-readers.ts'

const ACK: Ack = {
  ...{ epoch: 'e', committed: 10, durable: 10, staged: 0, left: -1, live: true, ready: true, error: null },
  ...{ region: null, address: '10.0.0.1' },
}

function begun(t: TestContext, ...names: string[]) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const readers = new LogReaders()
  const told: string[] = []
  readers.leaves = (name, to) => void told.push(`${name} ${to}`)
  const heard = (name: string, change: Partial<Ack>) =>
    readers.heard(name, { ...ACK, ...change }, new Date(), performance.now())
  for (const name of names) heard(name, {})
  let isOver = false
  const over = readers.staged(11).then(() => {
    isOver = true
  })
  /** Resolves when everything that is due now has run. */
  const turn = async () => await new Promise((resolve) => setImmediate(resolve))
  return { readers, told, heard, over, turn, isOver: () => isOver }
}

test('it goes on when all have staged, and tells nobody', async (t) => {
  const { told, heard, over, isOver, turn } = begun(t, 'web1', 'web2')
  heard('web1', { staged: 11 })
  await turn()
  assert.ok(!isOver())
  heard('web2', { committed: 11 })
  await over
  assert.deepEqual(told, [])
})

test('a slow one is told that others go on, and they go when it says that it has left', async (t) => {
  const { readers, told, heard, over, isOver, turn } = begun(t, 'web1', 'web2', 'web3')
  heard('web1', { staged: 11 })
  heard('web3', { error: 'ENOSPC' })
  t.mock.timers.tick(3_000)
  await turn()
  assert.deepEqual(told, ['web2 11'])
  assert.deepEqual([readers.lateAt(11), readers.lateAt(12)], [['web2'], []])
  assert.ok(!isOver())
  heard('web2', { left: 11, ready: false })
  await over
})

test('one that says nothing holds up the others for 4.5 seconds, and one that replays not at all', async (t) => {
  const { heard, over, isOver, turn } = begun(t, 'web1', 'web2')
  heard('web2', { live: false })
  t.mock.timers.tick(3_000)
  await turn()
  assert.ok(!isOver())
  t.mock.timers.tick(1_500)
  await over
})

test('readers that are ready are listed where they can be reached', () => {
  const readers = new LogReaders()
  readers.heard('web1', ACK, new Date(), 0)
  readers.heard('web2', { ...ACK, address: null }, new Date(), 0)
  readers.heard('web3', { ...ACK, ready: false }, new Date(), 0)
  readers.heard('web4', { ...ACK, region: 'west' }, new Date(), 0)
  const addresses = readers.ready(0)
  assert.deepEqual(
    addresses.map(({ name }) => name),
    ['web1', 'web4'],
  )
  assert.deepEqual([...readers.regions(0)], [['west', 1]])
})

test('a pace is told when there are very many readers, and again when one has come or the number is another', () => {
  const readers = new LogReaders()
  const come = (from: number, to: number) => {
    for (let number = from; number < to; number += 1) readers.heard(`web${number}`, ACK, new Date(), 0)
  }
  come(0, 200)
  assert.equal(readers.newPaceMs(0), null)
  come(200, 2_000)
  assert.equal(readers.newPaceMs(0), 2_000)
  assert.equal(readers.newPaceMs(0), null)
  come(2_000, 2_001)
  assert.equal(readers.newPaceMs(0), 2_001)
  readers.heard('web0', { ...ACK, committed: 11 }, new Date(), 0)
  assert.equal(readers.newPaceMs(0), null)
  for (let number = 0; number < 1_900; number += 1) readers.forget(`web${number}`)
  assert.equal(readers.newPaceMs(0), 101)
  assert.equal(readers.newPaceMs(0), null)
})
