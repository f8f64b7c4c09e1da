/** Real threads that say what they were given, as data or as their first message. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { execPath } from 'node:process'
import { test } from 'node:test'
import { loadAhead, startThread } from './spare-thread.ts'

const SCRIPT = `
import { parentPort, workerData } from 'node:worker_threads'
const begin = (data) => parentPort.postMessage({ ...data, isSpare: workerData === null })
if (workerData === null) parentPort.once('message', begin)
else begin(workerData)`
const [ENTRY, OTHER] = ['', '//other'].map((end) => new URL(`data:text/javascript,${encodeURIComponent(SCRIPT + end)}`))

async function told(entry: URL, root: string): Promise<{ root: string; isSpare: boolean }> {
  const worker = startThread(entry, `root ${root}`, { root })
  const [message] = await once(worker, 'message')
  await worker.terminate()
  return message
}

test('the first thread of its entry is the spare one, and the next is new', async () => {
  assert.ok(ENTRY !== undefined && OTHER !== undefined)
  loadAhead(ENTRY, 'root')
  assert.equal((await told(OTHER, 'media')).isSpare, false, 'it loads other code')
  const shop = await told(ENTRY, 'shop')
  assert.deepEqual([shop.root, shop.isSpare], ['shop', true])
  const again = await told(ENTRY, 'again')
  assert.deepEqual([again.root, again.isSpare], ['again', false])
})

test('a spare thread that nobody takes keeps no process alive', () => {
  const module = new URL('./spare-thread.ts', import.meta.url).href
  const script = `
    import { loadAhead } from ${JSON.stringify(module)}
    loadAhead(new URL('data:text/javascript,setInterval(() => {}, 1000)'), 'root')
    console.log('over')`
  const said = execFileSync(execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', timeout: 20_000 })
  assert.equal(said, 'over\n')
})
