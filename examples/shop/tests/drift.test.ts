/** Somebody writes to a docroot by hand: a resync says what, and mends it. */
import assert from 'node:assert/strict'
import { appendFileSync, rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { figure, seconds } from './figures.ts'
import { differences, docroot, inSync, tryInside } from './shop.ts'

test('a resync finds and mends what somebody did by hand on an app server', async () => {
  await inSync()
  appendFileSync(docroot('app1', 'index.php'), '// a quick fix\n')
  rmSync(docroot('app1', 'wp-includes/version.php'))
  writeFileSync(docroot('app1', 'wp-content/shell.php'), '<?php // not ours\n')
  assert.equal((await differences('admin', 'app1')).length, 3)
  const look = await tryInside('admin', 'rootferry-agent', 'resync', '--dry-run', '--wait')
  assert.equal(look.code, 3, look.stdout + look.stderr)
  for (const path of ['index.php', 'wp-includes/version.php', 'wp-content/shell.php'])
    assert.ok(look.stdout.includes(path), look.stdout)
  const beganAt = performance.now()
  const mend = await tryInside('admin', 'rootferry-agent', 'resync', '--wait')
  figure('resync of two app servers, three differences', `${seconds(beganAt)}, exit ${mend.code}`)
  assert.deepEqual(await differences('admin', 'app1'), [])
  const again = await tryInside('admin', 'rootferry-agent', 'resync', '--dry-run', '--wait')
  assert.equal(again.code, 0, again.stdout + again.stderr)
})
