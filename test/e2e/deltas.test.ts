/** Large files that change a little: only the changed bytes travel, and the trees become equal whatever goes wrong. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import {
  appendFileSync,
  closeSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Line } from '../support/line.ts'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'

const MEGABYTE = 1024 * 1024
const isLong = process.env['ROOTFERRY_LONG'] === '1'
const SIZE = (isLong ? 1024 : 40) * MEGABYTE
/** Of the file's middle; takes a while to send. */
const REWRITTEN = (isLong ? 30 : 15) * MEGABYTE
const MINUTES = 60_000

function writeLarge(path: string, bytes: number): void {
  writeFileSync(path, '')
  for (let written = 0; written < bytes; written += 4 * MEGABYTE) {
    appendFileSync(path, randomBytes(Math.min(4 * MEGABYTE, bytes - written)))
  }
}

function overwrite(path: string, offset: number, bytes: Buffer): void {
  const descriptor = openSync(path, 'r+')
  writeSync(descriptor, bytes, 0, bytes.length, offset)
  closeSync(descriptor)
}

/** The receiver has what the source has when a case begins: each goes on from the file that the one before left. */
let rig: Rig
let line: Line
let big: string

before(async () => {
  const prepare = (source: string) => writeLarge(join(source, 'big'), SIZE)
  rig = await Rig.start({ receivers: 1, prepare })
  line = await Line.to(rig.agentPort)
  await rig.redirect(0, line.port)
  big = join(rig.source, 'big')
  await rig.converged(2 * MINUTES)
})
after(async () => {
  await rig[Symbol.asyncDispose]()
  await line[Symbol.asyncDispose]()
})

async function sequenceOf(): Promise<number> {
  return (await rig.site.root())?.sequence ?? 0
}

/** Makes an edit and waits until it has arrived. @returns bytes that the agent sent for it */
async function costOf(edit: () => void): Promise<number> {
  const before = line.received
  const sequence = await sequenceOf()
  edit()
  await until(
    async () => (await sequenceOf()) > sequence,
    () => 'the edit is not in the index',
    MINUTES,
  )
  // Compares the time first: comparing the bytes holds up the line, which belongs to this process, and would look at a
  // file in the middle of a repair.
  const timeOf = (root: string) => statSync(join(root, 'big')).mtimeMs
  await until(
    () => Math.abs(timeOf(rig.targets[0] ?? '') - timeOf(rig.source)) < 0.01,
    () => 'the edit does not arrive',
    2 * MINUTES,
  )
  await rig.converged(2 * MINUTES)
  return line.received - before
}

test('of a large file that changes a little only that is sent', async (t) => {
  const edits: [string, number, () => void][] = [
    ['1 MB changed in the middle', 3e6, () => overwrite(big, SIZE / 2 + 12_345, randomBytes(1_000_000))],
    ['an insertion at the front', 1e6, () => insertAtFront(big)],
    ['an append', 1.2e6, () => appendFileSync(big, randomBytes(1_000_000))],
    ['a cut-off end', 1e6, () => truncateSync(big, statSync(big).size - 5 * MEGABYTE + 77)],
  ]
  for (const [edit, most, act] of edits) {
    const bytes = await costOf(act)
    t.diagnostic(`${edit}: ${bytes} bytes`)
    assert.ok(bytes <= most, `${edit} cost ${bytes} bytes`)
  }
})

test('a receiver that was away for two versions gets what differs from the one it has', async () => {
  await rig.killReceiver(0)
  for (const edit of [1, 2]) {
    const sequence = await sequenceOf()
    overwrite(big, edit * 10 * MEGABYTE, randomBytes(10_000))
    await until(
      async () => (await sequenceOf()) > sequence,
      () => 'the edit is not in the index',
      MINUTES,
    )
  }
  line.received = 0
  await rig.startReceiver(0)
  await rig.converged(2 * MINUTES)
  assert.ok(line.received < 2 * MEGABYTE, `${line.received} bytes`)
})

test('a receiver whose file somebody changed gets it whole, and then again what changed only', async () => {
  overwrite(join(rig.targets[0] ?? '', 'big'), SIZE / 2, Buffer.from('somebody was here'))
  const bytes = await costOf(() => overwrite(big, 1_000, Buffer.from('an edit')))
  const { size } = statSync(big)
  assert.ok(bytes > size && bytes < size * 1.02 + MEGABYTE, `${bytes} bytes`)
  const again = await costOf(() => overwrite(big, 2_000, Buffer.from('another')))
  assert.ok(again < MEGABYTE, `${again} bytes`)
})

test('where nothing matches it costs what the file costs', async () => {
  const bytes = await costOf(() => {
    writeLarge(join(rig.place, 'other'), SIZE)
    renameSync(join(rig.place, 'other'), big)
  })
  assert.ok(bytes > SIZE && bytes < SIZE * 1.02, `${bytes} bytes`)
})

test('a receiver that is killed amid a delta, and an agent after it, go on to the same end', async () => {
  const restarts = [
    async () => {
      await rig.killReceiver(0)
      await rig.startReceiver(0)
    },
    async () => {
      await rig.killAgent()
      await rig.startAgent()
    },
  ]
  for (const restart of restarts) {
    line.received = 0
    overwrite(big, SIZE / 3, randomBytes(REWRITTEN))
    // Somewhere in the middle of the bytes that are to come.
    await until(
      () => line.received > REWRITTEN / 3,
      () => 'nothing comes',
      MINUTES,
    )
    await restart()
    await rig.converged(2 * MINUTES)
    assert.ok(line.received < SIZE * 0.8, `${line.received} bytes`)
  }
})

/**
 * Makes the new version beside the file, and puts it in its place, as an editor does: what is written there piece by piece
 * may be sent in the middle, when the pieces are further apart than the agent waits.
 */
function insertAtFront(path: string): void {
  const before = readFileSync(path)
  const aside = join(rig.place, 'edited')
  writeFileSync(aside, randomBytes(1_000))
  for (let at = 0; at < before.length; at += 16 * MEGABYTE)
    appendFileSync(aside, before.subarray(at, at + 16 * MEGABYTE))
  renameSync(aside, path)
}
