/**
 * Golden bytes: every example message compared with the exact text that was committed for it.
 *
 * A receiver in another language is written against these bytes. A change of them is a decision and not an accident, so
 * nothing refreshes them automatically: the failure says which line to put where.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeToAgent, decodeToReceiver, encodeMessage } from '../src/codec.ts'
import { TO_AGENT, TO_RECEIVER, type ToAgent, type ToReceiver } from '../src/messages.ts'
import { EXAMPLES_TO_AGENT, EXAMPLES_TO_RECEIVER } from './examples.ts'
import { GOLDEN_TO_AGENT, GOLDEN_TO_RECEIVER } from './golden.ts'

const DIRECTIONS = [
  {
    name: 'to the agent',
    schemas: TO_AGENT,
    examples: new Map<string, readonly ToAgent[]>(Object.entries(EXAMPLES_TO_AGENT)),
    golden: new Map<string, readonly string[]>(Object.entries(GOLDEN_TO_AGENT)),
    decode: decodeToAgent,
  },
  {
    name: 'to the receiver',
    schemas: TO_RECEIVER,
    examples: new Map<string, readonly ToReceiver[]>(Object.entries(EXAMPLES_TO_RECEIVER)),
    golden: new Map<string, readonly string[]>(Object.entries(GOLDEN_TO_RECEIVER)),
    decode: decodeToReceiver,
  },
]

function advice(type: string, position: number, text: string): string {
  return [
    `${type} no longer equals the committed golden bytes.`,
    `If the wire was meant to change: give it a new line in HISTORY (version.ts) once a version was released,`,
    `say it in docs/protocol.md, and make this number ${position} of '${type}' in golden.ts:`,
    `    ${JSON.stringify(text)}`,
  ].join('\n')
}

for (const { name, schemas, examples, golden, decode } of DIRECTIONS) {
  describe(`golden bytes ${name}`, () => {
    it('are there for every type and for no other', () => {
      assert.deepEqual([...golden.keys()].sort(), Object.keys(schemas).sort())
      for (const [type, texts] of golden) assert.equal(texts.length, examples.get(type)?.length, `examples of ${type}`)
    })

    for (const [type, messages] of examples) {
      it(`are what ${type} encodes to, and decode to it`, () => {
        for (const [position, message] of messages.entries()) {
          const text = encodeMessage(message)
          const committed = golden.get(type)?.[position]
          assert.ok(committed === text, advice(type, position, text))
          assert.deepEqual(decode(committed), message)
        }
      })
    }
  })
}
