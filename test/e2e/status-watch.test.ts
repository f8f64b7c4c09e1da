/** `status --watch`, as a pipe and as a terminal see it, beside an agent that goes away and comes back. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { AGENT } from '../../build/programs.ts'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

/** Gives a command a terminal of its own. */
const SCRIPT = '/usr/bin/script'

const daemons = sharedDaemons(1)

async function begin(): Promise<Site> {
  const site = await Site.on(daemons, { prepare: (source) => writeFileSync(join(source, 'a'), 'a') })
  await site.inSync()
  return site
}

class Watcher implements AsyncDisposable {
  readonly #child: ChildProcess
  text = ''

  constructor(command: string, words: readonly string[]) {
    this.#child = spawn(command, words, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#child.stdout?.on('data', (data: Buffer) => {
      this.text += data.toString()
    })
  }

  static start(...words: string[]): Watcher {
    return new Watcher(process.execPath, [
      AGENT,
      'status',
      '--watch',
      '--config',
      join(daemons.place, 'agent.yaml'),
      ...words,
    ])
  }

  async says(pattern: RegExp): Promise<void> {
    await until(
      () => pattern.test(this.text),
      () => `${pattern} was not said: ${this.text}`,
    )
  }

  /** As Ctrl-C does. @returns the exit code */
  async interrupted(): Promise<number | null> {
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGINT')
    return (await exited)[0] as number | null
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exited
  }
}

test('in a pipe it says a line for each change of a state, over a restart of the agent, and ends with 0', async () => {
  const { name } = await begin()
  await using watcher = Watcher.start()
  await watcher.says(new RegExp(`^\\S+Z root ${name} ready$`, 'm'))
  await watcher.says(new RegExp(`^\\S+Z receiver web1 of ${name} live$`, 'm'))
  await daemons.killReceiver(0)
  await watcher.says(new RegExp(`^\\S+Z receiver web1 of ${name} offline; the connection was lost$`, 'm'))
  await daemons.killAgent()
  await watcher.says(/^\S+Z agent the agent cannot be reached/m)
  await daemons.startAgent()
  await daemons.startReceiver(0)
  await watcher.says(new RegExp(`offline[^]*cannot be reached[^]*receiver web1 of ${name} live$`, 'm'))
  assert.doesNotMatch(watcher.text, /\u001b/)
  assert.equal(await watcher.interrupted(), 0)
})

test('with --json it prints each status as a line', async () => {
  const site = await begin()
  await using watcher = Watcher.start('--json')
  await watcher.says(/\n/)
  const [first = ''] = watcher.text.split('\n')
  const { sequence } = JSON.parse(first).roots[0]
  writeFileSync(join(site.source, 'b'), 'b')
  await until(
    () => watcher.text.split('\n').some((line) => line !== '' && JSON.parse(line).roots[0].sequence > sequence),
    () => watcher.text,
  )
  assert.equal(await watcher.interrupted(), 0)
})

test('on a terminal it draws the status anew in its place', async (t) => {
  if (!existsSync(SCRIPT)) return t.skip(`there is no ${SCRIPT}`)
  const { name } = await begin()
  const command = `stty rows 40 cols 120; exec ${process.execPath} ${AGENT} status --watch --config ${join(daemons.place, 'agent.yaml')}`
  await using watcher = new Watcher(SCRIPT, ['-qfec', command, '/dev/null'])
  await watcher.says(new RegExp(`^\u001b\\[2J\u001b\\[H[^]*ROOT[^]*${name}[^]*Ctrl-C ends`))
  await daemons.killReceiver(0)
  await watcher.says(/\u001b\[H(?!.*\u001b\[2J)[\s\S]*offline/)
  assert.equal(watcher.text.split('\u001b[2J').length, 2)
})

test('an agent that was never there is an error at once', async () => {
  await begin()
  await daemons.killAgent()
  const watcher = spawn(process.execPath, [AGENT, 'status', '--watch', '--config', join(daemons.place, 'agent.yaml')])
  assert.equal((await once(watcher, 'exit'))[0], 69)
})
