/** The verb changes: what was sent, when, and who has it. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { AGENT } from '../../build/programs.ts'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const daemons = sharedDaemons(2)

const changes = (...words: string[]) => daemons.agentSays('changes', ...words)

interface Answer {
  head: number
  next: number
  changes: { sequence: number; time: string; kind: string; changed: string[]; path: string; bytes: number }[]
  receivers: { name: string; sequence: number }[]
}

async function answer(...words: string[]): Promise<Answer> {
  const { status, stdout, stderr } = await changes(...words, '--json')
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout) as Answer
}

test('what was sent, newest last, with time, kind, size, path and who has it', async () => {
  const site = await Site.on(daemons, {
    prepare: (source) => {
      mkdirSync(join(source, 'media'))
      writeFileSync(join(source, 'media/a.jpg'), 'picture')
      writeFileSync(join(source, 'index.php'), 'x')
    },
  })
  await site.inSync()
  const none = await changes('--path', 'media/none')
  assert.deepEqual([none.status, none.stdout, none.stderr], [0, '', 'no changes\n'])
  const begun = Date.now()
  await daemons.receivers[1]?.stop()
  writeFileSync(join(site.source, 'media/b\n.jpg'), '12345')
  await until(
    async () =>
      (await daemons.status()).receivers.find(({ name }) => name === 'web1')?.lag.sequences === 0 &&
      (await answer()).changes.some(({ path }) => path.startsWith('media/b')),
    async () => JSON.stringify(await answer()),
  )
  chmodSync(join(site.source, 'index.php'), 0o640)
  rmSync(join(site.source, 'media/a.jpg'))
  await until(
    async () =>
      (await answer()).changes.some(({ kind }) => kind === 'deleted') &&
      (await answer()).changes.some(({ path, bytes }) => path === 'index.php' && bytes === 0),
    async () => JSON.stringify(await answer()),
  )
  await until(
    async () => {
      const { receivers, head } = await answer()
      return receivers.find(({ name }) => name === 'web1')?.sequence === head
    },
    async () => JSON.stringify(await answer()),
  )
  const all = await answer()
  const of = (path: string) => all.changes.find((change) => change.path === path)
  assert.deepEqual([of('media/b\n.jpg')?.kind, of('media/b\n.jpg')?.bytes], ['file', 5])
  assert.equal(of('media/a.jpg')?.kind, 'deleted')
  assert.equal(of('index.php')?.bytes, 0, 'its attributes alone changed')
  assert.deepEqual(of('index.php')?.changed, ['mode'])
  assert.deepEqual([of('media/b\n.jpg')?.changed, of('media/a.jpg')?.changed], [['new'], []])
  assert.deepEqual(of('media')?.changed, ['time'])
  assert.ok(Date.parse(of('media/b\n.jpg')?.time ?? '') >= begun - 1_000)
  assert.deepEqual(
    all.changes.map(({ sequence }) => sequence),
    all.changes.map(({ sequence }) => sequence).toSorted((one, other) => one - other),
  )
  const { stdout } = await changes('--path', './media/')
  assert.match(stdout, /^ *\d+ +\S+Z +file +new +5 B +web1 +media\/b\\n\.jpg$/m)
  assert.doesNotMatch(stdout, /index\.php/)
  const since = of('media/b\n.jpg')?.sequence ?? 0
  assert.ok((await answer('--since', String(since))).changes.every(({ sequence }) => sequence > since))
  const page = await answer('--since', '0', '--limit', '1')
  assert.equal(page.changes.length, 1)
  assert.equal(
    (await answer('--since', String(page.next), '--limit', '1')).changes[0]?.sequence,
    all.changes[1]?.sequence,
  )
  await daemons.startReceiver(1)
  await site.inSync()
  assert.match((await changes(site.name)).stdout, /^ *\d+ +\S+Z +deleted +- +- +all 2 +media\/a\.jpg$/m)
})

test('--follow shows changes as they come, and ends with 0', async () => {
  const site = await Site.on(daemons, { prepare: (source) => writeFileSync(join(source, 'a'), 'x') })
  await site.inSync()
  const child = spawn(process.execPath, [AGENT, 'changes', '--follow', '--config', join(daemons.place, 'agent.yaml')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (data: Buffer) => (output += data.toString()))
  await until(
    () => / a$/m.test(output),
    () => output,
  )
  for (const name of ['b', 'c']) {
    writeFileSync(join(site.source, name), 'x')
    await until(
      () => new RegExp(` ${name}$`, 'm').test(output),
      () => output,
    )
  }
  assert.equal(output.match(/ b$/gm)?.length, 1, output)
  const { promise, resolve } = Promise.withResolvers<number | null>()
  child.on('close', (code) => resolve(code))
  child.kill('SIGINT')
  assert.equal(await promise, 0)
})

test('what makes no sense is one line: an unknown root, a path outside, a limit', async () => {
  await Site.on(daemons)
  for (const [words, status, says] of [
    [['nowhere'], 1, /^rootferry-agent: There is no root "nowhere"\.\n$/],
    [['--path', '../etc'], 2, /^rootferry-agent: '\.\.\/etc' has a component '\.\.': .*\n$/],
    [['--limit', '0'], 2, /^rootferry-agent: --limit 0: 1 to 1000 is accepted\n$/],
    [['--since', '-1'], 2, /^error: .*\n$/],
  ] as const) {
    const result = await changes(...words)
    assert.equal(result.status, status, result.stderr)
    assert.match(result.stderr, says)
  }
})
