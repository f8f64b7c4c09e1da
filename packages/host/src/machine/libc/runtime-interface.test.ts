/**
 * The behaviour of the runtime's experimental node:ffi that the code relies on. When this test fails after an update of
 * the runtime, look at libc-library.ts and libc-memory.ts before anything else; meanwhile daemons fall back to
 * `portable`.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Worker } from 'node:worker_threads'
import { libc } from '../../../test-support/temporary-directory.ts'
import { chooseSystemCalls } from '../choose-system-calls.ts'
import { SIGNATURES } from './libc-library.ts'
import { loadFfi } from './load-ffi.ts'

const INDEX = join(import.meta.dirname, '../choose-system-calls.ts')
const tell = (setting: string) => `import { chooseSystemCalls } from ${JSON.stringify(INDEX)}
const { calls, fault } = chooseSystemCalls('${setting}')
console.log(calls.kind, fault)`

/** Runs a separate process that reports its choice. */
function run(setting: string, ...options: string[]): { out: string; error: string } {
  const words = [...options, '--input-type=module-typescript', '--eval', tell(setting)]
  const { stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' })
  return { out: stdout.trim(), error: stderr.trim() }
}

describe('node:ffi of the pinned runtime', () => {
  const { ffi } = loadFfi()
  assert.ok(ffi !== null, 'the pinned runtime has node:ffi')

  it('has the functions that are used, with their numbers of arguments', () => {
    const lengths = [ffi.dlopen, ffi.getRawPointer, ffi.getInt32].map((used) => used.length)
    assert.deepEqual(lengths, [2, 0, 0])
    using opened = ffi.dlopen('libc.so.6', { abs: { arguments: ['i32'], return: 'i32' } })
    assert.equal(opened.functions.abs(-5), 5)
  })

  it('gives pointers and 64-bit numbers as bigint, 32-bit ones as number', () => {
    const { functions } = ffi.dlopen('libc.so.6', {
      llabs: { arguments: ['i64'], return: 'i64' },
      strnlen: { arguments: ['pointer', 'u64'], return: 'u64' },
      getppid: { arguments: [], return: 'i32' },
    })
    assert.equal(functions.llabs(-(2n ** 62n)), 2n ** 62n)
    assert.equal(functions.getppid(), process.ppid)
    const text = Buffer.from(new ArrayBuffer(100)).fill('x', 0, 10)
    assert.equal(typeof ffi.getRawPointer(text), 'bigint')
    assert.equal(functions.strnlen(ffi.getRawPointer(text), 100n), 10n)
    assert.equal(functions.strnlen(ffi.getRawPointer(text) + 4n, 100n), 6n)
  })

  it('refuses arguments of another number or kind instead of passing them on', () => {
    const { functions } = ffi.dlopen('libc.so.6', { abs: { arguments: ['i32'], return: 'i32' } })
    for (const words of [[], [1, 2], ['1'], [1.5], [2 ** 31], [1n]]) {
      assert.throws(() => Reflect.apply(functions.abs, null, words), { code: 'ERR_INVALID_ARG_VALUE' }, String(words))
    }
  })

  it('finds every function that is declared, and none that is not there', () => {
    const { functions } = ffi.dlopen('libc.so.6', SIGNATURES)
    assert.deepEqual(Object.keys(functions).sort(), Object.keys(SIGNATURES).sort())
    assert.throws(() => ffi.dlopen('libc.so.6', { no_such_function: { arguments: [], return: 'i32' } }))
    assert.throws(() => ffi.dlopen('no-such-library.so', {}))
  })

  it('keeps the memory of an ArrayBuffer where it is', () => {
    const memory = new ArrayBuffer(4_096)
    const before = ffi.getRawPointer(memory)
    for (let round = 0; round < 200; round += 1) Buffer.alloc(1 << 20)
    assert.equal(ffi.getRawPointer(memory), before)
  })
})

describe('the choice of system calls', () => {
  it('is libc on this runtime, and whatever is asked for', () => {
    assert.equal(chooseSystemCalls('auto').calls.kind, 'libc')
    assert.equal(chooseSystemCalls('libc').calls.kind, 'libc')
    assert.deepEqual(
      [chooseSystemCalls('portable').calls.kind, chooseSystemCalls('portable').fault],
      ['portable', null],
    )
  })

  it('says nothing on stderr', () => {
    assert.deepEqual(run('auto'), { out: 'libc null', error: '' })
  })

  it('falls back, with a reason, where the runtime has no node:ffi or may not use it', () => {
    assert.match(run('auto', '--no-experimental-ffi').out, /^portable this runtime has no node:ffi/)
    assert.match(run('auto', '--permission', '--allow-fs-read=*').out, /^portable glibc cannot be called/)
  })

  it('refuses to start where libc is asked for by name and cannot be had', () => {
    assert.match(
      run('libc', '--no-experimental-ffi').error,
      /Failure: systemCalls: libc is not available: this runtime/,
    )
  })

  it('works in a thread', async () => {
    const worker = new Worker(
      `const { parentPort } = require('node:worker_threads')
       import(${JSON.stringify(INDEX)}).then(({ chooseSystemCalls }) => {
         const { paths } = chooseSystemCalls('libc').calls
         const descriptor = require('node:fs').openSync('/', 'r')
         let links = 0
         for (let round = 0; round < 10_000; round += 1) links += paths.status(descriptor, 'proc').links
         let code = null
         try { paths.status(descriptor, 'no such name') } catch (error) { code = error.code }
         parentPort.postMessage({ isAlive: links > 0, code })
       })`,
      { eval: true },
    )
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    worker.once('message', resolve).once('error', reject)
    const { paths } = libc()
    assert.throws(() => paths.close(999_999), { code: 'EBADF' })
    assert.deepEqual(await promise, { isAlive: true, code: 'ENOENT' })
    await worker.terminate()
  })
})
