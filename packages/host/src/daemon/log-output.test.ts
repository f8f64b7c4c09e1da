/** Log lines that cannot be written, on a real pipe that is full. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { LogOutput } from './log-output.ts'

test('lines that cannot be written are lost, and counted when a line can be written again', () => {
  const place = mkdtempSync(join(tmpdir(), 'rootferry-log-'))
  const pipe = join(place, 'pipe')
  execFileSync('mkfifo', [pipe])
  const file = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK)
  try {
    const output = new LogOutput(file)
    const line = `${'x'.repeat(4_095)}\n`
    let written = 0
    // A pipe that is not read holds 64 KiB.
    while (written < 16) written += output.write(line) === 0 ? 1 : 0
    assert.equal(output.write(line), 0)
    assert.equal(output.write(line), 0)
    readSync(file, Buffer.alloc(65_536))
    assert.equal(output.write(line), 2)
    assert.equal(output.write(line), 0)
  } finally {
    closeSync(file)
    rmSync(place, { recursive: true })
  }
})
