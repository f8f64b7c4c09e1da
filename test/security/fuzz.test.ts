/**
 * A recorded conversation with its frames damaged, dropped, doubled and swapped, fed to the receiver's disk side, and
 * receivers' messages to the agent's bookkeeping: a protocol error with a code, or nothing; never a crash, never a write
 * outside. ROOTFERRY_SEED repeats a run.
 */
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { SessionState } from '../../packages/agent/src/serve/feed/session-state.ts'
import { decodeToAgent, ProtocolError } from '../../packages/protocol/src/index.ts'
import { EXAMPLES_TO_AGENT, EXAMPLES_TO_RECEIVER } from '../../packages/protocol/test-support/examples.ts'
import {
  absent,
  directory,
  Feed,
  file,
  Scratch,
  segmentOf,
  symlink,
} from '../../packages/receiver/test-support/test-feed.ts'
import { imprint } from '../support/swapper.ts'

const RUNS = process.env['ROOTFERRY_LONG'] === '1' ? 20_000 : 120
const SEED = Number(process.env['ROOTFERRY_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const VALUES = [2 ** 31, 2 ** 53, -1, 0.5, null, '', 'x'.repeat(10_000), '../x', '/etc', [], {}, true, '__proto__']

type Frame = { text: string } | { bytes: Buffer }
type Damage = { at: number; how: 'flip' | 'cut' | 'drop' | 'double' | 'swap' | 'value'; place: number; value: number }

const damage: fc.Arbitrary<Damage> = fc.record({
  at: fc.nat(100),
  how: fc.constantFrom('flip', 'cut', 'drop', 'double', 'swap', 'value'),
  place: fc.nat(10_000),
  value: fc.nat(VALUES.length - 1),
})

/** Replaces the `place`-th scalar value in a JSON text. */
function replaceValue(text: string, place: number, value: number): string {
  const values = [...text.matchAll(/(?<=[:[,])(?:"(?:[^"\\]|\\.)*"(?!:)|-?\d+|null|true|false)/g)]
  const chosen = values[place % Math.max(values.length, 1)]
  if (chosen === undefined) return text
  return text.slice(0, chosen.index) + JSON.stringify(VALUES[value]) + text.slice(chosen.index + chosen[0].length)
}

function damageBytes(bytes: Buffer, { how, place }: Damage): Buffer {
  if (how === 'cut') return bytes.subarray(0, place % (bytes.length + 1))
  const copy = Buffer.from(bytes)
  const at = place % Math.max(copy.length, 1)
  if (copy.length > 0) copy.writeUInt8(copy.readUInt8(at) ^ (1 << (place % 8)), at)
  return copy
}

function damaged(frames: readonly Frame[], damages: readonly Damage[]): Frame[] {
  const result = [...frames]
  for (const each of damages) {
    const at = each.at % Math.max(result.length, 1)
    const frame = result[at]
    if (frame === undefined) continue
    const next = (at + 1) % result.length
    if (each.how === 'drop') result.splice(at, 1)
    else if (each.how === 'double') result.splice(at, 0, frame)
    else if (each.how === 'swap') [result[at], result[next]] = [result[next] ?? frame, frame]
    else if ('bytes' in frame) result[at] = { bytes: damageBytes(frame.bytes, each) }
    else if (each.how === 'value') result[at] = { text: replaceValue(frame.text, each.place, each.value) }
    else result[at] = { text: damageBytes(Buffer.from(frame.text), each).toString('latin1') }
  }
  return result
}

/** Three changesets, one of them compressed, as an agent sends them. */
async function conversation(): Promise<Frame[]> {
  const frames: Frame[] = []
  const say = (message: object) => frames.push({ text: JSON.stringify(message) })
  const groups = [
    [directory('.'), directory('d'), file('d/f', 'first'), symlink('link', '../../outside')],
    [file('d/f', 'second'.repeat(100)), file('e', 'e'), absent('link')],
    [absent('d/f'), absent('d'), file('copy', 'e', { source: { copy: 'e' } })],
  ]
  for (const [from, fed] of groups.entries()) {
    say({ type: 'changeset', base: from, from, to: from + 1, head: 3, request: null, changes: fed.length, bytes: 0 })
    const [segment, bytes] = await segmentOf(fed, { encoding: from === 1 ? 'zstd' : 'tar' })
    say(segment)
    if (bytes.length > 0) frames.push({ bytes })
    say({ type: 'commit', to: from + 1 })
  }
  return [...frames, { text: JSON.stringify(EXAMPLES_TO_RECEIVER.listing[0]) }]
}

test(`damaged conversations end with a code, or in a tree, and never outside (seed ${SEED})`, async () => {
  using scratch = new Scratch()
  mkdirSync(scratch.at('outside'))
  writeFileSync(scratch.at('outside/f'), 'precious')
  const outside = imprint(scratch.at('outside'))
  const frames = await conversation()
  let committed = 0
  await fc.assert(
    fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 4 }), async (damages) => {
      for (const place of ['target', 'state']) rmSync(scratch.at(place), { recursive: true, force: true })
      await using feed = await new Feed(scratch).open()
      feed.connect()
      for (const frame of damaged(frames, damages)) {
        if ('text' in frame) feed.disk.receiveText(Buffer.from(frame.text))
        else feed.disk.receiveBytes(new Uint8Array(frame.bytes))
      }
      // A conversation that was left undamaged ends with this.
      feed.disk.receiveText(Buffer.from('{'))
      await feed.seen('broken')
      committed += feed.all('committed').length
      await feed.close()
      assert.deepEqual(imprint(scratch.at('outside')), outside)
    }),
    { numRuns: RUNS, seed: SEED },
  )
  assert.ok(committed > 0 && committed < RUNS * 3, `${committed} changesets were committed`)
})

test(`damaged messages of receivers are refused with a code (seed ${SEED})`, () => {
  const examples = Object.values(EXAMPLES_TO_AGENT).flat()
  const welcome = EXAMPLES_TO_RECEIVER.welcome[0]
  fc.assert(
    fc.property(fc.array(fc.record({ example: fc.nat(examples.length - 1), damage }), { maxLength: 20 }), (script) => {
      const state = new SessionState()
      state.greeted(welcome, { durable: 0, credit: 1, epoch: null, sequence: 0 })
      for (const { example, damage: each } of script) {
        const frame: Frame = { text: JSON.stringify(examples[example]) }
        for (const spoilt of damaged([frame], [each])) {
          try {
            const message = decodeToAgent('text' in spoilt ? spoilt.text : spoilt.bytes)
            if (message.type !== 'hello') state.receive(message)
          } catch (error) {
            assert.ok(error instanceof ProtocolError, String(error))
          }
        }
      }
      assert.ok(Number.isSafeInteger(state.credit) && state.requests.waiting.length <= 8)
      assert.ok(state.committed >= 0 && state.durable <= state.committed)
    }),
    { numRuns: RUNS, seed: SEED },
  )
})
