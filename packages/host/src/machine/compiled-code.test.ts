/** A process that is killed has kept what it compiled. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

const SCRIPT = `
import { spawnSync } from 'node:child_process'
import { mock } from 'node:test'
import { keepCompiledCode } from ${JSON.stringify(import.meta.resolve('./compiled-code.ts'))}
mock.timers.enable({ apis: ['setTimeout'] })
keepCompiledCode()
mock.timers.tick(Number(process.argv[1]))
// Node keeps what it has compiled when it kills itself.
spawnSync('kill', ['-KILL', String(process.pid)])
`

function keptAfter(milliseconds: number): number {
  const cache = mkdtempSync(join(tmpdir(), 'rootferry-'))
  try {
    const env = { ...process.env, NODE_COMPILE_CACHE: cache }
    const words = ['--input-type=module', '--eval', SCRIPT, String(milliseconds)]
    const { signal, stderr } = spawnSync(process.execPath, words, { env, encoding: 'utf8' })
    assert.equal(signal, 'SIGKILL', stderr)
    return readdirSync(cache, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length
  } finally {
    rmSync(cache, { recursive: true })
  }
}

test('what was compiled is there for the next start of a daemon that is killed', () => {
  assert.equal(keptAfter(0), 0)
  assert.ok(keptAfter(60_000) > 0)
})
