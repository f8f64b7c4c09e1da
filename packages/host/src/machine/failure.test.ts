/** Errors of system calls have the kernel's names, those too for which Node has none. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { errorCode, plainMessage } from './failure.ts'

const nameless = Object.assign(
  new Error("Unknown system error -116: Unknown system error -116, open '/proc/self/fd/9/a'"),
  {
    code: 'Unknown system error -116',
    errno: -116,
    syscall: 'open',
  },
)

test('an error that Node calls by its number has its name, and no path', () => {
  assert.equal(errorCode(nameless), 'ESTALE')
  assert.equal(plainMessage(nameless), 'ESTALE: system error')
  assert.equal(errorCode(Object.assign(new Error(''), { code: 'Unknown system error -4095' })), 'E4095')
})

test('other errors keep theirs', () => {
  assert.equal(errorCode(Object.assign(new Error(''), { code: 'ENOENT' })), 'ENOENT')
  assert.equal(
    plainMessage(new Error("ENOENT: no such file or directory, open '/a'")),
    'ENOENT: no such file or directory',
  )
  assert.equal(errorCode(new Error('x')), null)
  assert.equal(errorCode(null), null)
})

test('the kernel says ESTALE and EDQUOT, and so do we', (t) => {
  const program = `import { errorCode } from ${JSON.stringify(import.meta.resolve('./failure.ts'))}
    import { readdirSync } from 'node:fs'
    try { readdirSync('/proc/self/task') } catch (error) { console.log(errorCode(error)) }`
  for (const error of ['ESTALE', 'EDQUOT']) {
    const inject = ['-f', '-o', '/dev/null', '-P', '/proc/self/task', '-e', `inject=openat:error=${error}`]
    const words = [...inject, process.execPath, '--input-type=module', '-e', program]
    const { status, stdout } = spawnSync('strace', words, { encoding: 'utf8' })
    if (status !== 0) return t.skip('needs strace')
    assert.equal(stdout, `${error}\n`)
  }
})
