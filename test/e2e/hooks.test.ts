/**
 * Commands after commits: which of them run, what is on their stdin, and that names, failures and slow commands do no
 * harm.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Rig } from '../support/rig.ts'
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

test('a hook runs for what it matches, is told the paths on its stdin, and no name means anything to it', async () => {
  const place: { hook: string } = { hook: '' }
  await using rig = await Rig.start({
    receivers: 1,
    receiversLater: true,
    prepare: (source) => {
      place.hook = join(source, '..', 'hook')
      mkdirSync(place.hook)
      writeFileSync(join(source, 'index.php'), 'x')
    },
  })
  const hooked = {
    hooks: {
      afterCommit: [
        {
          match: ['*.php', '!cache/'],
          command: [process.execPath, '-e', RECORD, place.hook, '-x', '$(id)'],
          onFirstSync: true,
        },
      ],
    },
  }
  rig.site.configureReceiver(0, { ...hooked })
  process.env['ROOTFERRY_TOKEN'] = 'rf_not_for_hooks'
  await rig.startReceiver(0)
  delete process.env['ROOTFERRY_TOKEN']
  await rig.converged()
  await until(
    () => runsIn(place.hook).length === 1,
    () => 'the hook did not run',
  )
  writeFileSync(join(rig.source, 'style.css'), 'x')
  await rig.converged()
  const names = ['-rf.php', '$(touch pwned).php', '; touch pwned;.php', 'new\nline.php', '--help.php']
  for (const name of names) writeFileSync(join(rig.source, name), 'x')
  await rig.converged()
  const told = () =>
    runsIn(place.hook)
      .slice(1)
      .flatMap(({ paths }) => paths.filter((path) => path !== ''))
  await until(
    () => names.every((name) => told().includes(name)),
    () => JSON.stringify(told()),
  )
  const [first] = runsIn(place.hook)
  assert.deepEqual(first?.paths, ['index.php', ''])
  assert.deepEqual(first?.words, ['-x', '$(id)'])
  assert.deepEqual(
    Object.keys(first?.environment ?? {}).filter((name) => /TOKEN/.test(name)),
    [],
  )
  assert.equal(first?.environment['ROOTFERRY_ROOT'], 'site')
  assert.equal(first?.umask, process.umask(), 'what a hook makes is for everybody to write')
  assert.ok(!told().includes('style.css'))
  assert.ok(!existsSync('pwned') && !existsSync('/pwned') && !existsSync(join(rig.targets[0] ?? '', 'pwned')))
})

test('hooks that fail, hang, flood or are not there hold up no commit, and say so in the log', async () => {
  const command = (script: string) => [process.execPath, '-e', script]
  await using rig = await Rig.start({
    receivers: 1,
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
  await rig.converged()
  for (let round = 0; round < 5; round += 1) {
    writeFileSync(join(rig.source, `b${round}`), 'x')
    await rig.converged()
  }
  const said = (text: RegExp) => rig.logs.some((line) => line.level === 'error' && text.test(JSON.stringify(line)))
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
