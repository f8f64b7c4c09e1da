/**
 * A rolling release with real daemons: receivers take turns, each not ready while it changes, and until its hook has
 * run; and an agent that is killed amid it. The decisions are in `round.test.ts`.
 */
import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = sharedDaemons(2)
/** Each case goes on from the tree that the one before left. */
let site: Site

/** Fails while the docroot says so. */
const CHECK = ['sh', '-c', '! grep -q broken "$ROOTFERRY_PATH/index.php"']
const LOAD = ['sh', '-c', 'sleep 0.3; cp "$ROOTFERRY_PATH/index.php" "$ROOTFERRY_PATH.loaded"']
const HOOKS = [
  { match: ['*.php'], command: CHECK, readyAfter: true },
  { match: ['*.php'], command: LOAD },
]

const path = () => `/v1/roots/${site.name}`
const headers = { 'content-type': 'application/json' }
const post = (verb: string, body: object) =>
  daemons.admin(`${path()}/${verb}`, { method: 'POST', headers, body: JSON.stringify(body) })
const shown = () => site.targets.map((target) => readFileSync(join(target, 'index.php'), 'utf8'))
/** What a hook without `readyAfter` has taken up. */
const loaded = (number: number) => readFileSync(`${site.targets[number]}.loaded`, 'utf8')
const isReady = async (number: number) => (await daemons.health(number, '/readyz')).ok

const readiness = () => Promise.all([isReady(0), isReady(1)])
const noTurn = () => 'no receiver has its turn'

async function hold(version: string): Promise<void> {
  assert.equal((await post('hold', {})).status, 201)
  writeFileSync(join(site.source, 'index.php'), version)
  await until(
    async () => ((await site.root())?.hold?.pending.changes ?? 0) > 0,
    () => 'nothing waits',
  )
}

async function release(body: object): Promise<Response> {
  return await post('release', { rolling: 1, drainSeconds: 0, waitSeconds: 60, ...body })
}

describe('a rolling release', () => {
  before(async () => {
    site = await Site.on(daemons, {
      prepare: (source) => writeFileSync(join(source, 'index.php'), 'v1'),
      receiverRoot: { hooks: { afterCommit: HOOKS } },
    })
    await site.inSync()
  })

  it('receivers take turns: one at a time is not ready, and none shows a change while it is', async () => {
    await hold('v2')
    let isOver = false
    const released = release({ drainSeconds: 1 }).finally(() => {
      isOver = true
    })
    let before = shown()
    while (!isOver) {
      const ready = await readiness()
      const now = shown()
      assert.ok(ready[0] || ready[1], 'both are away')
      for (const number of [0, 1])
        assert.ok(now[number] === before[number] || !(ready[number] && (await isReady(number))), `${number} was ready`)
      for (const number of [0, 1])
        if (now[number] === 'v2' && (await isReady(number)))
          assert.equal(loaded(number), 'v2', `${number} is ready before its hooks have run`)
      before = now
    }
    const response = await released
    assert.equal(response.status, 202)
    const answer = (await response.json()) as { round: string; receivers: { state: string }[] }
    assert.deepEqual(
      answer.receivers.map(({ state }) => state),
      ['committed', 'committed'],
    )
    assert.deepEqual(shown(), ['v2', 'v2'])
    assert.deepEqual(await readiness(), [true, true])
    await site.converged()
  })

  for (const moment of ['while the first drains', 'when the first has changed'] as const) {
    it(`an agent that is killed ${moment} still holds the root, and another release completes it`, async () => {
      const [before, after] = [shown()[0] ?? '', `after the agent was killed ${moment}`]
      await hold(after)
      const isFirst = moment === 'while the first drains'
      // The answer is lost with the agent.
      const released = release({ drainSeconds: isFirst ? 300 : 3 }).catch(() => null)
      if (isFirst) await until(async () => (await readiness()).includes(false), noTurn)
      else await until(() => shown().includes(after), noTurn)
      await daemons.killAgent()
      await released
      assert.ok(shown().includes(before), 'a receiver has gone on without its turn')
      await daemons.startAgent()
      await site.receiversLive()
      assert.notEqual((await site.root())?.hold ?? null, null)
      assert.ok(shown().includes(before), 'the root is held, and a receiver has gone on')
      await until(
        async () => !(await readiness()).includes(false),
        async () => JSON.stringify(await readiness()),
      )
      assert.equal((await release({})).status, 202)
      assert.deepEqual(shown(), [after, after])
      assert.deepEqual(await readiness(), [true, true])
      await site.converged()
    })
  }

  it('the first receiver that fails stops it, and is named; when the tree is right, another release completes it', async () => {
    await hold('v3, broken')
    const response = await release({ readySeconds: 1 })
    assert.equal(response.status, 409)
    const { code, detail } = (await response.json()) as { code: string; detail: string }
    assert.equal(code, 'rolling-stopped')
    assert.match(
      detail,
      /^The rolling release was stopped, and site\d* stays held: \S+ was not ready again within 1 s\.$/,
    )
    assert.equal(shown().filter((text) => text !== 'v3, broken').length, 1)
    assert.deepEqual((await readiness()).sort(), [false, true])
    const { rounds } = (await (await daemons.admin('/v1/rounds')).json()) as {
      rounds: { state: string; outcome: string }[]
    }
    assert.deepEqual([rounds[0]?.state, rounds[0]?.outcome], ['void', 'partial'])

    writeFileSync(join(site.source, 'index.php'), 'v4')
    assert.equal((await release({})).status, 202)
    assert.deepEqual(shown(), ['v4', 'v4'])
    await site.converged()
    rmSync(join(site.source, 'index.php'))
    await site.converged()
  })
})
