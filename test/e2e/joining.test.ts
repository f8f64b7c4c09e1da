/**
 * Receivers that meet a target with content, lose their memory, or are refused; and which paths of a target they leave
 * alone.
 */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { RECEIVER } from '../../build/programs.ts'
import { Daemon } from '../../packages/host/src/daemon/daemon-process.ts'
import { Daemons } from '../support/daemons.ts'
import { Line } from '../support/line.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const FILES = 200
const FILE_BYTES = 10_000
/** More than a listing of the tree, and far less than its content. */
const LISTING_BYTES = 200_000

function fill(source: string): void {
  mkdirSync(join(source, 'app/deep'), { recursive: true })
  for (let number = 0; number < FILES; number += 1)
    writeFileSync(join(source, 'app', `file-${number}`), Buffer.alloc(FILE_BYTES, `${number} `))
  writeFileSync(join(source, 'app/deep/file'), 'deep')
}

function fillBoth(source: string, targets: string[]): void {
  fill(source)
  for (const target of targets) execFileSync('cp', ['-a', source, target])
}

const daemons = new Daemons({ receivers: 1 })
/** The receiver's way to the agent, which counts. */
let line: Line

before(async () => {
  await Site.on(daemons)
  line = await Line.to(daemons.agentPort)
  await daemons.redirect(0, line.port)
})
after(async () => {
  await daemons[Symbol.asyncDispose]()
  await line[Symbol.asyncDispose]()
})

test('a target that is identical already is adopted without a transfer, and is live', async () => {
  line.received = 0
  const site = await Site.on(daemons, { prepare: fillBoth })
  await site.converged()
  assert.ok(line.received < LISTING_BYTES, `${line.received} bytes came`)
  writeFileSync(join(site.source, 'app/new'), 'new')
  await site.converged()
})

test('a target with other content, modes and times is repaired; strangers go to the trash, and are not lost', async () => {
  line.received = 0
  const site = await Site.on(daemons, {
    prepare: (source, targets) => {
      fillBoth(source, targets)
      const at = (path: string) => join(targets[0] ?? '', path)
      writeFileSync(at('app/file-1'), 'other content')
      chmodSync(at('app/file-2'), 0o600)
      utimesSync(at('app/file-3'), 1, 1)
      unlinkSync(at('app/file-4'))
      unlinkSync(at('app/file-5'))
      mkdirSync(at('app/file-5/stranger'), { recursive: true })
      mkdirSync(at('strange/place'), { recursive: true })
      writeFileSync(at('strange/place/file'), 'precious')
      writeFileSync(at('app/stranger'), 'precious too')
    },
  })
  await site.converged()
  assert.ok(line.received < 2 * LISTING_BYTES + 5 * FILE_BYTES, `${line.received} bytes came`)
  const trash = site.trashOf(0)
  for (const path of ['strange/place/file', 'app/stranger']) assert.ok(trash.includes(path), `${path}: ${trash}`)
})

test('a first join says how much it is going to do before it does anything', async () => {
  line.received = 0
  const site = await Site.on(daemons, {
    prepare: (source, targets) => {
      fillBoth(source, targets)
      const at = (path: string) => join(targets[0] ?? '', path)
      writeFileSync(at('app/file-1'), 'other content')
      unlinkSync(at('app/file-2'))
      unlinkSync(at('app/file-3'))
      mkdirSync(at('strange/place'), { recursive: true })
      writeFileSync(at('strange/place/file'), 'precious')
    },
  })
  await site.converged()
  const ofIt = daemons.logs.filter(({ root }) => root === site.name)
  const said = ofIt.map(({ msg }) => msg).filter((msg) => /first join|committed|resync is over/.test(msg))
  const trash = site.receiverState(0, 'trash')
  // Right are the root, app, app/deep with its file, and all files of app but three.
  const right = FILES + 1
  assert.equal(
    said[0],
    `first join, by size and time: ${right} entries are right, 2 missing (20.0 kB), 1 differ, 3 extraneous; what is replaced or extraneous goes to the trash at ${trash}`,
  )
  assert.ok(said.length > 1)
  const root = await site.receiverRoot(0)
  const paths = [
    { path: 'strange', kind: 'extraneous' },
    { path: 'app/file-1', kind: 'changed' },
  ]
  const figures = { entries: right + 4, replaced: 1, paths }
  const plan = { ...figures, right, missing: 2, missingBytes: 2 * FILE_BYTES, differing: 1, extraneous: 3, trash }
  assert.deepEqual(root?.firstJoin, plan)
  await daemons.killReceiver(0)
  await daemons.startReceiver(0)
  await site.converged()
  assert.equal((await site.receiverRoot(0))?.firstJoin, null)
})

test('a receiver that lost its state adopts what it has', async () => {
  const site = await Site.on(daemons, { prepare: fill })
  await site.converged()
  await daemons.killReceiver(0)
  rmSync(join(daemons.place, 'web1/state'), { recursive: true })
  line.received = 0
  await daemons.startReceiver(0)
  await site.converged()
  assert.ok(line.received < LISTING_BYTES, `${line.received} bytes came`)
})

test('an agent that lost its index begins another epoch; receivers compare, and nothing is transferred', async () => {
  const site = await Site.on(daemons, { prepare: fill })
  await site.converged()
  const epoch = (await site.root())?.epoch
  await daemons.killAgent()
  rmSync(site.agentState, { recursive: true })
  line.received = 0
  await daemons.startAgent()
  await site.converged()
  assert.notEqual((await site.root())?.epoch, epoch)
  assert.ok(line.received < LISTING_BYTES, `${line.received} bytes came`)
})

test('a receiver joins while changes flow', async () => {
  const site = await Site.on(daemons, { prepare: fill })
  await daemons.killReceiver(0)
  for (const directory of [site.targets[0] ?? '', join(daemons.place, 'web1/state')])
    rmSync(directory, { recursive: true, force: true })
  const joining = daemons.startReceiver(0)
  let isJoined = false
  void joining.then(() => {
    isJoined = true
  })
  let number = 0
  await until(
    () => {
      appendFileSync(join(site.source, 'app', `file-${number % FILES}`), 'more')
      renameSync(join(site.source, 'app/deep'), join(site.source, 'app/deeper'))
      renameSync(join(site.source, 'app/deeper'), join(site.source, 'app/deep'))
      number += 1
      return isJoined && number > 50
    },
    () => 'it did not come up',
  )
  await joining
  await site.converged()
})

test('protected and excluded paths stay as they are, also in a directory that goes', async () => {
  const kept = { 'app/env.php': 'local', 'gone/local.conf': 'local', 'gone/cache/file': 'cached', 'var.log': 'log' }
  const site = await Site.on(daemons, {
    root: { exclude: ['cache/', '*.log'] },
    receiverRoot: { protect: ['app/env.php', 'local.conf'] },
    prepare: (source, targets) => {
      fill(source)
      writeFileSync(join(source, 'app/env.php'), 'of the admin server')
      mkdirSync(join(source, 'gone/cache'), { recursive: true })
      writeFileSync(join(source, 'gone/file'), 'file')
      writeFileSync(join(source, 'gone/cache/secret'), 'excluded')
      for (const [path, content] of Object.entries(kept)) {
        mkdirSync(join(targets[0] ?? '', path, '..'), { recursive: true })
        writeFileSync(join(targets[0] ?? '', path), content)
      }
    },
  })
  const ignore = (path: string) => /(^|\/)(env\.php|local\.conf|cache|var\.log)$/.test(path)
  await site.converged(30_000, ignore)
  rmSync(join(site.source, 'gone'), { recursive: true })
  rmSync(join(site.source, 'app/env.php'))
  await site.converged(30_000, (path) => ignore(path) || path === 'gone')
  for (const [path, content] of Object.entries(kept))
    assert.equal(readFileSync(join(site.targets[0] ?? '', path), 'utf8'), content, path)
  for (const path of ['gone/file', 'gone/cache/secret'])
    assert.equal(existsSync(join(site.targets[0] ?? '', path)), false, path)
})

test('a second receiver on a target ends with 1 and says why; the first is not disturbed', async () => {
  const site = await Site.on(daemons, { prepare: fill })
  const file = join(daemons.place, 'web1/receiver.yaml')
  const config = JSON.parse(readFileSync(file, 'utf8')) as object
  const other = join(daemons.place, 'web1/second.yaml')
  writeFileSync(other, JSON.stringify({ ...config, stateDir: 'second' }))
  const second = new Daemon('second', process.execPath, RECEIVER, ['run', '--config', other], process.env)
  const how = await second.ended
  assert.match(how, /exit code 1\): rootferry-receiver: root \S+: .*target1 is served by another rootferry receiver/)
  await site.converged()
})

test('a revoked token loses its connection at once; a later connection with it is refused', async () => {
  const site = await Site.on(daemons, { prepare: fill })
  await site.converged()
  assert.equal(await daemons.ready(0), true)
  daemons.agentVerb('token', 'revoke', 'web1')
  await until(
    () =>
      daemons.logs.some(
        (line) => line.msg === 'not connected to the agent, trying again' && /revoked/.test(String(line['error'])),
      ),
    () => JSON.stringify(daemons.logs.slice(-10)),
  )
  const isUnauthorized = () => daemons.logs.some(({ error }) => /unauthorized/.test(String(error)))
  await until(isUnauthorized, () => JSON.stringify(daemons.logs.slice(-10)))
  // For the next case.
  writeFileSync(join(daemons.place, 'web1/token'), daemons.agentVerb('token', 'create', 'web1'))
})

test('a receiver is not ready before its first sync, ready after it, and ends with 0 when told', async () => {
  const site = await Site.on(daemons, { prepare: fill })
  await daemons.killReceiver(0)
  await daemons.killAgent()
  rmSync(join(daemons.place, 'web1/state'), { recursive: true, force: true })
  await daemons.startReceiver(0)
  assert.equal(await daemons.ready(0), false)
  await daemons.startAgent()
  await site.converged()
  assert.equal(await daemons.ready(0), true)
  for (const daemon of [daemons.receivers[0], daemons.agent]) {
    void daemon?.stop()
    assert.match((await daemon?.ended) ?? '', /\(exit code 0\)/)
  }
})
