/**
 * The codec's laws: an encoded message decodes to itself, and a frame that is not a message is a ProtocolError and
 * nothing else. The bounds of every field are walked one by one: the last value that is accepted, the first that is
 * refused.
 */
import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  MESSAGES_TO_AGENT,
  MESSAGES_TO_RECEIVER,
  messagesToAgent,
  messagesToReceiver,
} from '../test-support/arbitraries.ts'
import { decodeToAgent, decodeToReceiver, encodeMessage } from './codec.ts'
import { ProtocolError } from './errors.ts'
import { LIMITS } from './limits.ts'
import { TO_AGENT, TO_RECEIVER } from './messages.ts'

const FRAME_RUNS = 300
const DAMAGE_RUNS = 1_500

const DIRECTIONS = [
  { name: 'to the agent', decode: decodeToAgent, messages: messagesToAgent, opposite: messagesToReceiver },
  { name: 'to the receiver', decode: decodeToReceiver, messages: messagesToReceiver, opposite: messagesToAgent },
]

/** The code with which a frame is refused; null when it is a message. Any other exception propagates. */
function refusal(decode: (frame: string | Uint8Array) => unknown, frame: string | Uint8Array): string | null {
  try {
    decode(frame)
    return null
  } catch (error) {
    if (error instanceof ProtocolError) return error.code
    throw error
  }
}

describe('a message that was encoded', () => {
  for (const [type, arbitrary] of Object.entries(MESSAGES_TO_AGENT)) {
    it(`decodes to itself: ${type}`, () => {
      const law = fc.property(arbitrary as fc.Arbitrary<Parameters<typeof encodeMessage>[0]>, (message) => {
        const text = encodeMessage(message)
        assert.deepEqual(decodeToAgent(text), message)
        assert.deepEqual(decodeToAgent(Buffer.from(text)), message)
      })
      fc.assert(law, { numRuns: FRAME_RUNS })
    })
  }

  for (const [type, arbitrary] of Object.entries(MESSAGES_TO_RECEIVER)) {
    it(`decodes to itself: ${type}`, () => {
      const law = fc.property(arbitrary as fc.Arbitrary<Parameters<typeof encodeMessage>[0]>, (message) => {
        const text = encodeMessage(message)
        assert.deepEqual(decodeToReceiver(text), message)
        assert.deepEqual(decodeToReceiver(Buffer.from(text)), message)
      })
      fc.assert(law, { numRuns: FRAME_RUNS })
    })
  }

  it('has an arbitrary for every type of the tables', () => {
    assert.deepEqual(Object.keys(MESSAGES_TO_AGENT).sort(), Object.keys(TO_AGENT).sort())
    assert.deepEqual(Object.keys(MESSAGES_TO_RECEIVER).sort(), Object.keys(TO_RECEIVER).sort())
  })

  it('is read from the middle of a larger buffer, where the socket put it', () => {
    const text = Buffer.from(encodeMessage({ type: 'committed', sequence: 7, burstMicros: 1 }))
    const larger = Buffer.concat([Buffer.from('{"type":'), text, Buffer.from('}')])
    assert.deepEqual(decodeToAgent(larger.subarray(8, 8 + text.byteLength)), {
      type: 'committed',
      sequence: 7,
      burstMicros: 1,
    })
  })
})

describe('a frame that is not a message', () => {
  for (const { name, decode, messages, opposite } of DIRECTIONS) {
    it(`is refused at every truncation (${name})`, () => {
      const cut = fc.property(
        messages,
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (message, share) => {
          const bytes = Buffer.from(encodeMessage(message))
          assert.equal(refusal(decode, bytes.subarray(0, Math.floor(bytes.byteLength * share))), 'malformed-message')
        },
      )
      fc.assert(cut, { numRuns: DAMAGE_RUNS })
    })

    it(`is a ProtocolError, or another valid message, after any flipped bit (${name})`, () => {
      const flip = fc.property(messages, fc.nat(), fc.integer({ min: 0, max: 7 }), (message, place, bit) => {
        const bytes = Buffer.from(encodeMessage(message))
        const at = place % bytes.byteLength
        bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
        const code = refusal(decode, bytes)
        assert.ok(code === null || code === 'malformed-message', `refused with ${code}`)
      })
      fc.assert(flip, { numRuns: DAMAGE_RUNS })
    })

    it(`is a ProtocolError, or another valid message, after any bytes are replaced (${name})`, () => {
      const patch = fc.property(
        messages,
        fc.nat(),
        fc.uint8Array({ minLength: 1, maxLength: 6 }),
        (message, place, bytes) => {
          const text = Buffer.from(encodeMessage(message))
          const at = place % text.byteLength
          const damaged = Buffer.concat([text.subarray(0, at), bytes, text.subarray(at + (place % 5))])
          const code = refusal(decode, damaged)
          assert.ok(code === null || code === 'malformed-message', `refused with ${code}`)
        },
      )
      fc.assert(patch, { numRuns: DAMAGE_RUNS })
    })

    it(`is refused whatever bytes or JSON it is made of (${name})`, () => {
      fc.assert(
        fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.json()), (frame) => {
          assert.equal(refusal(decode, frame), 'malformed-message')
        }),
        { numRuns: DAMAGE_RUNS },
      )
    })

    it(`is refused when it travels in the wrong direction (${name})`, () => {
      const wrong = fc.property(opposite, (message) => {
        assert.equal(refusal(decode, encodeMessage(message)), 'malformed-message')
      })
      fc.assert(wrong, { numRuns: FRAME_RUNS })
    })

    it(`is refused when any of its objects has one field more (${name})`, () => {
      const grown = fc.property(
        messages,
        fc.nat(),
        fc.constantFrom('extra', '', '__proto__', 'toString'),
        (message, place, key) => {
          const text = JSON.stringify(message)
          const braces = [...text.matchAll(/\{(?=")/g)].filter(({ index }) => isStructural(text, index))
          const at = (braces[place % braces.length]?.index ?? 0) + 1
          const frame = `${text.slice(0, at)}${JSON.stringify(key)}:1,${text.slice(at)}`
          assert.equal(refusal(decode, frame), 'malformed-message')
        },
      )
      fc.assert(grown, { numRuns: DAMAGE_RUNS })
    })

    it(`is refused when any field of the message is missing (${name})`, () => {
      const shrunk = fc.property(messages, fc.nat(), (message, place) => {
        const fields = Object.entries(message)
        const missing = place % fields.length
        const frame = JSON.stringify(Object.fromEntries(fields.filter((_, position) => position !== missing)))
        assert.equal(refusal(decode, frame), 'malformed-message')
      })
      fc.assert(shrunk, { numRuns: FRAME_RUNS })
    })

    it(`is refused when its type is unknown, or the name of something every object has (${name})`, () => {
      const types = ['', 'Hello', 'hello ', 'ping', '__proto__', 'constructor', 'toString', 'hasOwnProperty']
      for (const type of types) assert.equal(refusal(decode, JSON.stringify({ type })), 'malformed-message', type)
      for (const type of [null, 0, true, {}, ['hello'], { type: 'hello' }]) {
        assert.equal(refusal(decode, JSON.stringify({ type })), 'malformed-message')
      }
    })
  }

  it('says what was wrong without repeating all of it', () => {
    assert.throws(
      () => decodeToAgent(JSON.stringify({ type: 'x'.repeat(5_000) })),
      (error: ProtocolError) => error.message.length < 100,
    )
    assert.throws(() => decodeToAgent('{"type":"durable","sequence":-1}'), /durable: \/sequence/)
  })

  it('does not reach the prototype of anything', () => {
    const frames = ['{"type":"durable","__proto__":{"sequence":4}}', '{"__proto__":{"type":"durable","sequence":4}}']
    for (const frame of frames) assert.equal(refusal(decodeToAgent, frame), 'malformed-message', frame)
    assert.equal(
      refusal(decodeToAgent, '{"type":"durable","sequence":1,"__proto__":{"polluted":1}}'),
      'malformed-message',
    )
    assert.equal('polluted' in {}, false)
  })

  it('is over the limit from one byte above messageBytes on, as text and as bytes', () => {
    const padded = (bytes: number) => {
      const frame = '{"type":"durable","sequence":1}'
      return frame + ' '.repeat(bytes - frame.length)
    }
    for (const wrap of [(text: string) => text, (text: string) => Buffer.from(text)]) {
      assert.equal(refusal(decodeToAgent, wrap(padded(LIMITS.messageBytes))), null)
      assert.equal(refusal(decodeToAgent, wrap(padded(LIMITS.messageBytes + 1))), 'limit-exceeded')
    }
    const wide = `"${'\u20ac'.repeat(Math.ceil(LIMITS.messageBytes / 3))}"`
    assert.ok(wide.length < LIMITS.messageBytes)
    assert.equal(refusal(decodeToAgent, wide), 'limit-exceeded', 'bytes count, not characters')
  })
})

/** Whether the brace at `index` belongs to JSON itself and not to a string. */
function isStructural(text: string, index: number): boolean {
  let inString = false
  for (let at = 0; at < index; at += 1) {
    if (text[at] === '\\' && inString) at += 1
    else if (text[at] === '"') inString = !inString
  }
  return !inString
}
