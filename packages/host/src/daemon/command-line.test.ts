/** The end of a command: all of its output has left, whatever reads it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

const HERE = join(import.meta.dirname, 'command-line.ts')
const programThat = (action: string) => `
import { Command } from 'commander'
const { runCommand } = await import(${JSON.stringify(HERE)})
await runCommand('x', process, (terminal) => new Command('x').action(${action}))`
const PROGRAM = programThat(`() => terminal.out('0123456789'.repeat(100_000))`)

test('more than a pipe holds arrives whole', () => {
  const words = `"$0" --input-type=module -e "$1" | wc -c`
  const { stdout, stderr } = spawnSync('sh', ['-c', words, process.execPath, PROGRAM], {
    encoding: 'utf8',
    cwd: import.meta.dirname,
  })
  assert.equal(stdout.trim(), '1000000', stderr)
})

test('a reader of a pipe that leaves early is no fault', () => {
  const words = `"$0" --input-type=module -e "$1" | head -c 10`
  const { stdout, stderr } = spawnSync('sh', ['-c', words, process.execPath, PROGRAM], {
    encoding: 'utf8',
    cwd: import.meta.dirname,
  })
  assert.equal(stdout, '0123456789')
  assert.equal(stderr, '')
})

test('a command without an end ends when its reader has left', () => {
  const action = `async () => {
    let isOver = false
    void terminal.unread.then(() => (isOver = true))
    for (let line = 0; !isOver; line += 1) {
      terminal.out(line + '\\n')
      await new Promise(setImmediate)
    }
    terminal.endWith(3)
  }`
  const words = `{ "$0" --input-type=module -e "$1"; echo "ended with $?" >&2; } | head -n 2`
  const { stdout, stderr } = spawnSync('sh', ['-c', words, process.execPath, programThat(action)], {
    encoding: 'utf8',
    cwd: import.meta.dirname,
  })
  assert.equal(stdout, '0\n1\n')
  assert.equal(stderr, 'ended with 3\n')
})

test('output that finds no room is a failure', () => {
  const { status, stderr } = spawnSync(
    'sh',
    ['-c', `"$0" --input-type=module -e "$1" > /dev/full`, process.execPath, PROGRAM],
    {
      encoding: 'utf8',
      cwd: import.meta.dirname,
    },
  )
  assert.equal(stderr, 'x: stdout cannot be written: ENOSPC: no space left on device\n')
  assert.equal(status, 1)
})

test('what the system refuses to this user is not permitted: 77, however it is told on, and steers no terminal', () => {
  const action = `async () => {
    const { Failure } = await import(${JSON.stringify(join(HERE, '../../machine/failure.ts'))})
    const cause = Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES', syscall: 'open' })
    throw new Failure(1, 'a \\u001b[31m file: ' + cause.message, { cause })
  }`
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', programThat(action)], {
    encoding: 'utf8',
    cwd: import.meta.dirname,
  })
  assert.equal(stderr, 'x: a \\u001b[31m file: EACCES: permission denied\n')
  assert.equal(status, 77)
})
