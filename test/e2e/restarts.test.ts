/** Daemons killed in a burst; the cases, and how little is sent again, are in `test/scenes/restarts.test.ts`. */
import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Rig } from '../support/rig.ts'

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
  await using rig = await Rig.start({ receivers: 1, prepare: fill })
  await rig.converged()
  const before = await rig.site.root()
  burst(rig.source, 'one')
  await rig.killAgent()
  burst(rig.source, 'two')
  rmSync(join(rig.source, 'app/file-1'))
  appendFileSync(join(rig.source, 'app/file-2'), 'while it was away')
  await rig.startAgent()
  burst(rig.source, 'three')
  await rig.killReceiver(0)
  await rig.startReceiver(0)
  await rig.converged()
  const after = await rig.site.root()
  assert.equal(after?.epoch, before?.epoch)
  assert.ok((after?.sequence ?? 0) > (before?.sequence ?? 0))
})
