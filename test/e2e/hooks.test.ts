/**
 * Commands after commits: which of them run, what is on their stdin, and that names, failures and slow commands do no
 * harm.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

/**
 * A hook that writes each of its runs, with its environment, into a file of its own, which appears when it is whole.
 */
const RECORD = `
const { readdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs')
const [, place, ...words] = process.argv
const run = { paths: readFileSync(0, 'utf8').split('\\0'), words, environment: process.env, umask: process.umask() }
writeFileSync(place + '.new', JSON.stringify(run))
renameSync(place + '.new', place + '/' + readdirSync(place).length)
`

const daemons = sharedDaemons(1)

interface Run {
  paths: string[]
  words: string[]
  environment: Record<string, string>
  umask: number
}

function runsIn(place: string): Run[] {
  return readdirSync(place)
    .sort((a, b) => Number(a) - Number(b))
    .map((name) => JSON.parse(readFileSync(join(place, name), 'utf8')) as Run)
}

test('a hook runs for what it matches, is told the paths on its stdin, and no name means anything to it', async (t) => {
  const place = mkdtempSync(join(tmpdir(), 'rootferry-hook-'))
  t.after(() => rmSync(place, { recursive: true }))
  const command = [process.execPath, '-e', RECORD, place, '-x', '$(id)']
  // It is in the environment of a receiver that starts now.
  await daemons.killReceiver(0)
  process.env['ROOTFERRY_TOKEN'] = 'rf_not_for_hooks'
  const site = await Site.on(daemons, {
    receiverRoot: { hooks: { afterCommit: [{ match: ['*.php', '!cache/'], command, onFirstSync: true }] } },
    prepare: (source) => writeFileSync(join(source, 'index.php'), 'x'),
  })
  delete process.env['ROOTFERRY_TOKEN']
  await site.converged()
  await until(
    () => runsIn(place).length === 1,
    () => 'the hook did not run',
  )
  writeFileSync(join(site.source, 'style.css'), 'x')
  await site.converged()
  const names = ['-rf.php', '$(touch pwned).php', '; touch pwned;.php', 'new\nline.php', '--help.php']
  for (const name of names) writeFileSync(join(site.source, name), 'x')
  await site.converged()
  const told = () =>
    runsIn(place)
      .slice(1)
      .flatMap(({ paths }) => paths.filter((path) => path !== ''))
  await until(
    () => names.every((name) => told().includes(name)),
    () => JSON.stringify(told()),
  )
  const [first] = runsIn(place)
  assert.deepEqual(first?.paths, ['index.php', ''])
  assert.deepEqual(first?.words, ['-x', '$(id)'])
  assert.deepEqual(
    Object.keys(first?.environment ?? {}).filter((name) => /TOKEN/.test(name)),
    [],
  )
  assert.equal(first?.environment['ROOTFERRY_ROOT'], site.name)
  assert.equal(first?.umask, process.umask(), 'what a hook makes is for everybody to write')
  assert.ok(!told().includes('style.css'))
  assert.ok(!existsSync('pwned') && !existsSync('/pwned') && !existsSync(join(site.targets[0] ?? '', 'pwned')))
})

test('hooks that fail, hang, flood or are not there hold up no commit, and say so in the log', async () => {
  const command = (script: string) => [process.execPath, '-e', script]
  const site = await Site.on(daemons, {
    receiverRoot: {
      hooks: {
        afterCommit: [
          { match: ['*'], command: command("process.stderr.write('no \\x1b[31m luck'); process.exit(7)") },
          // Both commands end by themselves if the receiver is killed before their time is over.
          { match: ['*'], command: ['sleep', '60'], timeoutSeconds: 1 },
          { match: ['*'], command: ['yes'], timeoutSeconds: 1 },
          { match: ['*'], command: ['/nowhere/at-all'] },
        ],
      },
    },
    prepare: (source) => writeFileSync(join(source, 'a'), 'x'),
  })
  await site.converged()
  for (let round = 0; round < 5; round += 1) {
    writeFileSync(join(site.source, `b${round}`), 'x')
    await site.converged()
  }
  const said = (text: RegExp) => daemons.logs.some((line) => line.level === 'error' && text.test(JSON.stringify(line)))
  for (const text of [
    /hook failed.*|"code":7/,
    /no \\\\u001b\[31m luck/,
    /hook was killed/,
    /hook could not be started/,
    /at-all: not found/,
  ]) {
    await until(
      () => said(text),
      () => `nothing said ${text}`,
    )
  }
})
