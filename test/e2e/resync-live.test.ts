/**
 * Full resyncs while everything else happens: changes, first syncs, other resyncs, lines that break, receivers that are
 * away.
 */
import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { Line } from '../support/line.ts'
import { cancelResync, namesOf, orderResync, resync, untilResync } from '../support/resync-orders.ts'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'

const DIRECTORIES = 12
const FILES = 500

/** Enough for several listings and many wants. */
function fillMany(source: string): void {
  for (let directory = 0; directory < DIRECTORIES; directory += 1) {
    mkdirSync(join(source, `d${directory}`), { recursive: true })
    for (let number = 0; number < FILES; number += 1)
      writeFileSync(join(source, `d${directory}/f${number}`), `${directory} ${number} `.repeat(50))
  }
}

function empty(target: string): void {
  for (const name of readdirSync(target)) rmSync(join(target, name), { recursive: true })
}

/** A writer that changes the source until it is stopped: by rename, in place, by appending, and by making and removing. */
class Writer implements AsyncDisposable {
  readonly #source: string
  readonly #running: Promise<void>
  #isStopped = false
  rounds = 0

  constructor(source: string) {
    this.#source = source
    this.#running = this.#run()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true
    await this.#running
  }

  async #run(): Promise<void> {
    const at = (path: string) => join(this.#source, path)
    while (!this.#isStopped) {
      this.rounds += 1
      const text = String(this.rounds)
      writeFileSync(at('.counter'), text)
      renameSync(at('.counter'), at('counter'))
      writeFileSync(at(`d0/f${this.rounds % 20}`), text)
      appendFileSync(at('d1/log'), `${text}\n`)
      mkdirSync(at(`made/${this.rounds % 5}`), { recursive: true })
      writeFileSync(at(`made/${this.rounds % 5}/file`), text)
      rmSync(at(`made/${(this.rounds + 2) % 5}`), { recursive: true, force: true })
      await wait(this.rounds % 7)
    }
  }
}

test('while changes flow a dry run finds nothing, and a repair undoes none of them', async () => {
  await using rig = await Rig.start({ receivers: 1, root: { watch: { settleMs: 5 } }, prepare: fillMany })
  await rig.converged(60_000)
  const [target = ''] = rig.targets
  const at = (path: string) => join(target, path)
  let last = 0
  const counter = () => {
    const text = readFileSync(at('counter'), 'utf8')
    assert.ok(Number(text) >= last, `${text} after ${last}`)
    last = Number(text)
  }
  {
    await using writer = new Writer(rig.source)
    await until(
      () => readdirSync(target).includes('counter'),
      () => 'no change came',
    )
    for (let round = 0; round < 6; round += 1) {
      const check = round % 2 === 0 ? 'metadata' : 'content'
      const roundsBefore = writer.rounds
      const dry = await orderResync(rig, { dryRun: true, check })
      await untilResync(rig, dry.id, ({ state, receivers }) => {
        counter()
        if (state === 'running') return false
        assert.deepEqual(namesOf(receivers['web1'] ?? assert.fail()), [], `round ${round}`)
        return true
      })
      rmSync(at(`d${round + 2}/f${round}`))
      rmSync(at(`d${round + 2}/f1${round}`))
      writeFileSync(at(`d${round + 2}/stranger`), 'unknown')
      const real = await orderResync(rig, { check })
      const { state: end, receivers } = await untilResync(rig, real.id, ({ state }) => {
        counter()
        return state !== 'running'
      })
      assert.equal(end, 'done', JSON.stringify(receivers))
      const d = `d${round + 2}`
      const expected = [`extraneous ${d}/stranger`, `missing ${d}/f${round}`, `missing ${d}/f1${round}`]
      assert.deepEqual(namesOf(receivers['web1'] ?? assert.fail()), expected.sort())
      assert.ok(writer.rounds > roundsBefore)
    }
  }
  await rig.converged(60_000)
})

test('two at once run one after the other, and one for an absent receiver when it is back', async () => {
  await using rig = await Rig.start({ receivers: 2, prepare: fillMany })
  await rig.converged(60_000)
  const [target1 = '', target2 = ''] = rig.targets
  rmSync(join(target1, 'd3'), { recursive: true })
  rmSync(join(target2, 'd4'), { recursive: true })
  const first = await orderResync(rig)
  const second = await orderResync(rig, { dryRun: true })
  const done = await untilResync(rig, second.id, ({ state }) => state !== 'running')
  const before = await untilResync(rig, first.id, () => true)
  assert.deepEqual([before.state, done.state], ['done', 'done'])
  assert.deepEqual(
    Object.values(before.receivers).map(({ missing, repaired, changed }) => [missing, repaired - changed]),
    [
      [FILES + 1, FILES + 1],
      [FILES + 1, FILES + 1],
    ],
  )
  for (const receiver of Object.values(done.receivers)) assert.deepEqual(namesOf(receiver), [])

  await rig.killReceiver(0)
  rmSync(join(target1, 'd5/f1'))
  const { id } = await orderResync(rig, { check: 'content' })
  const half = await untilResync(rig, id, ({ receivers }) => receivers['web2']?.state === 'done')
  assert.deepEqual([half.state, half.receivers['web1']?.state], ['running', 'pending'])
  await rig.startReceiver(0)
  const whole = await untilResync(rig, id, ({ state }) => state !== 'running')
  assert.deepEqual([whole.state, whole.receivers['web1']?.missing], ['done', 1])
  await rig.converged()

  await rig.killReceiver(0)
  const never = await orderResync(rig, { receivers: ['web1'] })
  rig.agentVerb('token', 'revoke', 'web1')
  const refused = await untilResync(rig, never.id, ({ state }) => state !== 'running')
  assert.equal(refused.receivers['web1']?.state, 'failed')
})

test('one that is ordered amid a first sync waits for its end', async () => {
  await using rig = await Rig.start({ receivers: 1, receiversLater: true, prepare: fillMany })
  await rig.startReceiver(0)
  const { id } = await orderResync(rig, { receivers: ['web1'], check: 'content' })
  const over = await untilResync(rig, id, ({ state }) => state !== 'running')
  const web1 = over.receivers['web1']
  assert.deepEqual(
    [over.state, web1?.checked, web1?.missing, web1?.changed, web1?.extraneous],
    ['done', DIRECTORIES * (FILES + 1) + 1, 0, 0, 0],
  )
  await rig.converged()
})

test('one that is cancelled half-way keeps what it repaired; one that is cut off begins anew', async () => {
  await using rig = await Rig.start({ receivers: 1, prepare: fillMany })
  await using line = await Line.to(rig.agentPort)
  await rig.converged(60_000)
  await rig.redirect(0, line.port)
  await rig.converged(60_000)
  const [target = ''] = rig.targets
  empty(target)
  const { id } = await orderResync(rig)
  await untilResync(rig, id, ({ receivers }) => (receivers['web1']?.repaired ?? 0) > 0)
  const cancelled = await cancelResync(rig, id)
  assert.equal(cancelled.state, 'cancelled')
  assert.equal((await cancelResync(rig, id)).finishedAt, cancelled.finishedAt)
  const { repaired } = (await untilResync(rig, id, () => true)).receivers['web1'] ?? assert.fail()
  assert.ok(repaired > 0 && repaired < DIRECTORIES * FILES, String(repaired))

  const again = await orderResync(rig)
  const began = await untilResync(rig, again.id, ({ receivers }) => (receivers['web1']?.repaired ?? 0) > 0)
  assert.equal(began.state, 'running')
  line.cut()
  const over = await untilResync(rig, again.id, ({ state }) => state !== 'running')
  assert.equal(over.state, 'done')
  await rig.converged()
  const [last] = Object.values((await resync(rig, { dryRun: true, check: 'content' })).receivers)
  assert.deepEqual(namesOf(last ?? assert.fail()), [])
})
