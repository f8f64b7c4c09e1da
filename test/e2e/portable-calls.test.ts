/** Daemons on a runtime without node:ffi: they say so once, show it in their metrics, and do their work. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Rig } from '../support/rig.ts'

const WITHOUT_FFI = '--no-experimental-ffi'

test('without node:ffi both daemons go on with portable calls, and one line of each log tells why', async () => {
  const before = process.env['NODE_OPTIONS']
  process.env['NODE_OPTIONS'] = WITHOUT_FFI
  try {
    await using rig = await Rig.start({ receivers: 1, root: { watch: { backend: 'directory' } } })
    await rig.converged()
    writeFileSync(join(rig.source, 'later'), 'a change')
    await rig.converged()
    const lines = rig.logs.filter(({ msg }) => msg.startsWith('system calls go through Node only'))
    assert.deepEqual(lines.map((line) => line['name']).sort(), ['rootferry-agent', 'rootferry-receiver'])
    for (const response of [await rig.admin('/metrics'), await rig.health(0, '/metrics')]) {
      assert.match(
        await response.text(),
        /^rootferry_build_info\{daemon="[a-z]+",version="[^"]+",system_calls="portable"\} 1$/m,
      )
    }
  } finally {
    if (before === undefined) delete process.env['NODE_OPTIONS']
    else process.env['NODE_OPTIONS'] = before
  }
})
