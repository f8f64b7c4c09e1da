/** What an app server reports about itself: readiness with its reasons, status, and the verb that shows it. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { RECEIVER } from '../../build/programs.ts'
import { freePort } from '../support/free-port.ts'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = sharedDaemons(1)

async function statusVerb(config: string, ...words: string[]) {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [RECEIVER, 'status', ...words, '--config', config])
    return { code: 0, stdout, stderr: '' }
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string }
  }
}

test('a path that could not be made right is listed until it is right', async () => {
  const site = await Site.on(daemons, {
    receiverRoot: { protect: ['local.conf'] },
    prepare: (source) => {
      fill(source)
      mkdirSync(join(source, 'd'))
    },
  })
  await site.inSync()
  const [target = ''] = site.targets
  writeFileSync(join(target, 'd/local.conf'), 'of this server')
  const listed = (paths: string[]) =>
    until(
      async () =>
        JSON.stringify((await site.receiverRoot(0))?.problems.map(({ path }) => path)) === JSON.stringify(paths),
      async () => JSON.stringify(await daemons.receiverRoots(0)),
    )
  rmdirSync(join(site.source, 'd'))
  writeFileSync(join(site.source, 'd'), 'a file now')
  await listed(['d'])
  unlinkSync(join(site.source, 'd'))
  mkdirSync(join(site.source, 'd'))
  await listed([])
})

test('status tells what lies in the trash', async () => {
  const site = await Site.on(daemons, {
    prepare: (source, [target = '']) => {
      fill(source)
      mkdirSync(target)
      writeFileSync(join(target, 'stranger'), 'never known to the agent')
    },
  })
  await site.converged()
  const trash = await until(
    async () => {
      const { roots } = (await (await daemons.health(0, '/v1/status')).json()) as {
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
  await Site.on(daemons)
  const response = await daemons.health(0, '/v2')
  assert.equal(response.status, 404)
  assert.equal(((await response.json()) as { code: string }).code, 'not-found')
})

test('readiness, status and the verb agree: ready, lost, gone', async () => {
  const site = await Site.on(daemons, { prepare: fill })
  await daemons.killReceiver(0)
  const config = withHealth({ listen: `127.0.0.1:${await freePort()}`, staleAfterSeconds: 0 })
  assert.equal((await statusVerb(config)).code, 69)
  await daemons.startReceiver(0)
  await site.inSync()
  assert.ok(await daemons.ready(0))
  const well = await statusVerb(config)
  assert.equal(well.code, 0, well.stderr)
  assert.match(well.stdout, new RegExp(`^${site.name} +live +\\d+ +- +0 +- +-\n\nready\n`, 'm'))

  await daemons.killAgent()
  await until(
    async () => !(await daemons.ready(0)),
    () => 'it still says that it is ready',
  )
  const response = await daemons.health(0, '/readyz')
  assert.equal(response.status, 503)
  assert.match(response.headers.get('content-type') ?? '', /^application\/problem\+json/)
  const problem = (await response.json()) as { code: string; detail: string }
  assert.equal(problem.code, 'not-ready')
  assert.match(problem.detail, new RegExp(`^${site.name}: not connected for \\d+ s$`))
  const lost = await statusVerb(config)
  assert.equal(lost.code, 3)
  assert.match(lost.stdout, new RegExp(`^${site.name} +offline`, 'm'))
  assert.match(lost.stdout, new RegExp(`^not ready: ${site.name}: not connected`, 'm'))
  const json = JSON.parse((await statusVerb(config, '--json')).stdout) as { ready: boolean; reasons: string[] }
  assert.deepEqual([json.ready, json.reasons.length], [false, 1])
})

function fill(source: string): void {
  writeFileSync(join(source, 'a'), 'a')
}

/** Sets the health listener of the next start. @returns the file */
function withHealth(health: object): string {
  daemons.editReceiver(0, (config) => ({ ...config, health }))
  return join(daemons.place, 'web1/receiver.yaml')
}
