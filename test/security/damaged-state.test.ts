/** State files that are garbage, cut short, damaged in the middle or from a newer version: one clear line, nothing lost. */
import assert from 'node:assert/strict'
import { closeSync, ftruncateSync, openSync, readdirSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { Daemons } from '../support/daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = new Daemons({ receivers: 1 })
after(() => daemons[Symbol.asyncDispose]())

const DAMAGES: Record<string, (file: string) => void> = {
  'overwritten with garbage': (file) => writeFileSync(file, Buffer.alloc(40_000, 'garbage ')),
  'cut in the middle': (file) =>
    withFile(file, (descriptor) => ftruncateSync(descriptor, Math.floor(statSync(file).size / 2))),
  'with pages of zeros': (file) =>
    withFile(file, (descriptor) => {
      for (let page = 2; page * 4_096 < statSync(file).size; page += 1)
        writeSync(descriptor, Buffer.alloc(4_096), 0, 4_096, page * 4_096)
    }),
  'of no bytes': (file) => writeFileSync(file, ''),
}

function withFile(file: string, work: (descriptor: number) => void): void {
  const descriptor = openSync(file, 'r+')
  try {
    work(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Keeps the database alone, which is what a clean end leaves. */
function dropLog(file: string): void {
  for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true })
}

const fill = (source: string) => {
  for (let file = 0; file < 400; file += 1) writeFileSync(join(source, `file-${file}`), `content of ${file}`)
}

test('a damaged index is set aside and begun anew; receivers compare, and nothing is lost or deleted', async (t) => {
  for (const [what, damage] of Object.entries(DAMAGES)) {
    await t.test(what, async () => {
      const site = await Site.on(daemons, { prepare: fill })
      await site.converged()
      const { epoch } = (await site.root()) ?? {}
      await daemons.agent?.stop()
      const file = join(site.agentState, 'index.db')
      dropLog(file)
      damage(file)
      await daemons.startAgent()
      writeFileSync(join(site.source, 'later'), 'later')
      await site.converged()
      assert.notEqual((await site.root())?.epoch, epoch)
    })
  }
})

test('a damaged ledger is set aside, and the target compared', async (t) => {
  for (const [what, damage] of Object.entries(DAMAGES)) {
    await t.test(what, async () => {
      const site = await Site.on(daemons, { prepare: fill })
      await site.converged()
      await daemons.receivers[0]?.stop()
      const file = join(site.receiverState(0), 'ledger.sqlite')
      dropLog(file)
      damage(file)
      rmSync(join(site.targets[0] ?? '', 'file-7'))
      writeFileSync(join(site.targets[0] ?? '', 'file-8'), 'changed meanwhile')
      await daemons.startReceiver(0)
      await site.converged()
    })
  }
})

test('state of a newer version is left alone: one line, and an exit code', async () => {
  const site = await Site.on(daemons, { prepare: fill })
  await site.converged()
  await daemons.receivers[0]?.stop()
  await daemons.agent?.stop()
  for (const [file, start] of [
    [join(site.agentState, 'index.db'), () => daemons.startAgent()],
    [join(site.receiverState(0), 'ledger.sqlite'), () => daemons.startReceiver(0)],
  ] as const) {
    using database = new DatabaseSync(file)
    database.exec('PRAGMA user_version = 99')
    database.close()
    const before = readdirSync(join(file, '..')).sort()
    await assert.rejects(start(), /ended \(exit code 78\): [^\n]*newer [Rr]ootferry \((?:index )?version 99\)[^\n]*$/)
    assert.deepEqual(
      readdirSync(join(file, '..'))
        .sort()
        .filter((name) => !/-(?:wal|shm)$/.test(name)),
      before.filter((name) => !/-(?:wal|shm)$/.test(name)),
    )
  }
})

test('a state directory that cannot be written ends a start with one line', async () => {
  const site = await Site.on(daemons, { prepare: fill })
  await until(
    async () => (await site.root())?.state === 'ready',
    () => 'the agent is not ready',
  )
  await daemons.agent?.stop()
  await daemons.receivers[0]?.stop()
  for (const name of ['agent', 'web1/state']) {
    rmSync(join(daemons.place, name), { recursive: true, force: true })
    writeFileSync(join(daemons.place, name), 'a file where a directory should be')
  }
  await assert.rejects(daemons.startAgent(), /ended \(exit code (?:1|78)\): rootferry-agent: [^\n]*agent[^\n]*$/)
  await assert.rejects(daemons.startReceiver(0), /ended \(exit code (?:1|78)\): rootferry-receiver: [^\n]*state[^\n]*$/)
})
