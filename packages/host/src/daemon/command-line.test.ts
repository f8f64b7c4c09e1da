/** The end of a command: all of its output has left, whatever reads it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

const HERE = join(import.meta.dirname, 'command-line.ts')
const PROGRAM = `
import { Command } from 'commander'
const { runCommand } = await import(${JSON.stringify(HERE)})
await runCommand('x', process, (terminal) => new Command('x').action(() => terminal.out('0123456789'.repeat(100_000))))`

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
