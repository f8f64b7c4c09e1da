/** What an app server reports about itself: readiness with its reasons, status, and the verb that shows it. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { RECEIVER } from '../../build/programs.ts'
import { freePort } from '../support/free-port.ts'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'

async function statusVerb(config: string, ...words: string[]) {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [RECEIVER, 'status', ...words, '--config', config])
    return { code: 0, stdout, stderr: '' }
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string }
  }
}

test('readiness, status and the verb agree: ready, lost, gone', async () => {
  await using rig = await Rig.start({ receivers: 1, receiversLater: true, prepare: fill })
  const config = await withHealth(rig, { listen: `127.0.0.1:${await freePort()}`, staleAfterSeconds: 0 })
  assert.equal((await statusVerb(config)).code, 69)
  await rig.startReceiver(0)
  await rig.inSync()
  assert.ok(await rig.ready(0))
  const well = await statusVerb(config)
  assert.equal(well.code, 0, well.stderr)
  assert.match(well.stdout, /^site +live +\d+ +- +0 +- +-\n\nready\n/m)

  await rig.killAgent()
  await until(
    async () => !(await rig.ready(0)),
    () => 'it still says that it is ready',
  )
  const response = await rig.health(0, '/readyz')
  assert.equal(response.status, 503)
  assert.match(response.headers.get('content-type') ?? '', /^application\/problem\+json/)
  const problem = (await response.json()) as { code: string; detail: string }
  assert.equal(problem.code, 'not-ready')
  assert.match(problem.detail, /^site: not connected for \d+ s$/)
  const lost = await statusVerb(config)
  assert.equal(lost.code, 3)
  assert.match(lost.stdout, /^site +offline/m)
  assert.match(lost.stdout, /^not ready: site: not connected/m)
  const json = JSON.parse((await statusVerb(config, '--json')).stdout) as { ready: boolean; reasons: string[] }
  assert.deepEqual([json.ready, json.reasons.length], [false, 1])
})

test('a path that could not be made right is listed until it is right', async () => {
  await using rig = await Rig.start({
    receivers: 1,
    receiverRoot: { protect: ['local.conf'] },
    prepare: (source) => {
      fill(source)
      mkdirSync(join(source, 'd'))
    },
  })
  await rig.inSync()
  const [target = ''] = rig.targets
  writeFileSync(join(target, 'd/local.conf'), 'of this server')
  const listed = (paths: string[]) =>
    until(
      async () =>
        JSON.stringify((await rig.receiverRoots(0))[0]?.problems.map(({ path }) => path)) === JSON.stringify(paths),
      async () => JSON.stringify(await rig.receiverRoots(0)),
    )
  rmdirSync(join(rig.source, 'd'))
  writeFileSync(join(rig.source, 'd'), 'a file now')
  await listed(['d'])
  unlinkSync(join(rig.source, 'd'))
  mkdirSync(join(rig.source, 'd'))
  await listed([])
})

test('status tells what lies in the trash', async () => {
  await using rig = await Rig.start({ receivers: 1, receiversLater: true, prepare: fill })
  const [target = ''] = rig.targets
  mkdirSync(target)
  writeFileSync(join(target, 'stranger'), 'never known to the agent')
  await rig.startReceiver(0)
  await rig.converged()
  const trash = await until(
    async () => {
      const { roots } = (await (await rig.health(0, '/v1/status')).json()) as {
        roots: { trash: { batches: number; bytes: number; oldestAt: string | null } }[]
      }
      return roots[0]?.trash.batches === 1 ? roots[0].trash : false
    },
    () => 'the trash is not told of',
  )
  assert.equal(trash.bytes, 24)
  assert.ok(Date.parse(trash.oldestAt ?? '') > 0)
})

test('what the health listener does not know is a problem document', async () => {
  await using rig = await Rig.start({ receivers: 1 })
  const response = await rig.health(0, '/v2')
  assert.equal(response.status, 404)
  assert.equal(((await response.json()) as { code: string }).code, 'not-found')
})

function fill(source: string): void {
  writeFileSync(join(source, 'a'), 'a')
}

async function withHealth(rig: Rig, health: object): Promise<string> {
  const file = join(rig.place, 'web1', 'receiver.yaml')
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), health }))
  return file
}
