/** Daemons killed in a burst; the cases, and how little is sent again, are in `test/scenes/restarts.test.ts`. */
import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'

const daemons = sharedDaemons(1)

const BURST = 300

function fill(source: string): void {
  mkdirSync(join(source, 'app'))
  for (let number = 0; number < 200; number += 1)
    writeFileSync(join(source, 'app', `file-${number}`), Buffer.alloc(5_000, `${number} `))
}

function burst(source: string, name: string): void {
  mkdirSync(join(source, name))
  for (let number = 0; number < BURST; number += 1)
    writeFileSync(join(source, name, `file-${number}`), Buffer.alloc(number * 10, name))
}

test('an agent and a receiver killed in a burst converge; the epoch stays, and what changed meanwhile is found', async () => {
  const site = await Site.on(daemons, { prepare: fill })
  await site.converged()
  const before = await site.root()
  burst(site.source, 'one')
  await daemons.killAgent()
  burst(site.source, 'two')
  rmSync(join(site.source, 'app/file-1'))
  appendFileSync(join(site.source, 'app/file-2'), 'while it was away')
  await daemons.startAgent()
  burst(site.source, 'three')
  await daemons.killReceiver(0)
  await daemons.startReceiver(0)
  await site.converged()
  const after = await site.root()
  assert.equal(after?.epoch, before?.epoch)
  assert.ok((after?.sequence ?? 0) > (before?.sequence ?? 0))
})
