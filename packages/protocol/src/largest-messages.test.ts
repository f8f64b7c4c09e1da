/**
 * Every kind of message, at its largest by its schema alone: it fits into a frame, or it is named here with the code that
 * bounds it by what it encodes to.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from './limits.ts'
import { TO_AGENT, TO_RECEIVER } from './messages.ts'

/** Kinds that a schema alone does not bound, and the test of what does. */
const BOUNDED_ELSEWHERE: Record<string, string> = {
  want: 'packages/receiver/src/disk/debts/wants.test.ts',
  segment: 'packages/agent/src/root/pack/largest-messages.test.ts',
  overtake: 'packages/agent/src/root/pack/largest-messages.test.ts',
  listing: 'packages/agent/src/root/answer/listing.test.ts',
  summary: 'packages/agent/src/root/answer/summary.test.ts',
  expand: 'packages/receiver/src/disk/compare/resync.ts: a fraction of a message',
  resync: 'packages/agent/src/serve/http/admin-api.ts: a body of 64 KiB',
  welcome: 'packages/host/src/daemon/config-file.ts: patterns of 1 MiB',
}

/** A control character takes six bytes, as does half of a pair of surrogates. */
const ESCAPED_BYTES = 6
const NUMBER_BYTES = 24

interface Shape {
  type?: string
  const?: unknown
  pattern?: string
  maxLength?: number
  maxItems?: number
  items?: Shape | Shape[]
  properties?: Record<string, Shape>
  anyOf?: Shape[]
}

/** The most bytes that a value of this schema encodes to. */
function largest(shape: Shape): number {
  if (shape.const !== undefined) return JSON.stringify(shape.const).length
  if (shape.anyOf !== undefined) return Math.max(...shape.anyOf.map(largest))
  if (shape.properties !== undefined)
    return 2 + sum(Object.entries(shape.properties).map(([name, value]) => name.length + 4 + largest(value)))
  if (Array.isArray(shape.items)) return 2 + sum(shape.items.map((item) => 1 + largest(item)))
  if (shape.items !== undefined) {
    assert.ok(shape.maxItems !== undefined, `a list without a bound: ${JSON.stringify(shape)}`)
    return 2 + shape.maxItems * (1 + largest(shape.items))
  }
  if (shape.type === 'string') {
    assert.ok(shape.maxLength !== undefined, `a text without a bound: ${JSON.stringify(shape)}`)
    const isPlain = shape.pattern?.startsWith('^[A-Za-z0-9') === true
    return 2 + shape.maxLength * (isPlain ? 1 : ESCAPED_BYTES)
  }
  assert.ok(['integer', 'boolean', 'null', 'number'].includes(shape.type ?? ''), JSON.stringify(shape))
  return NUMBER_BYTES
}

const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0)

test('every kind of message is bounded by what it encodes to: by its schema, or by code that says so', () => {
  const sizes = Object.entries({ ...TO_AGENT, ...TO_RECEIVER }).map(
    ([kind, schema]) => [kind, largest(schema as Shape)] as const,
  )
  const beyond = sizes.filter(([, bytes]) => bytes > LIMITS.messageBytes).map(([kind]) => kind)
  assert.deepEqual(beyond.sort(), Object.keys(BOUNDED_ELSEWHERE).sort())
  assert.ok(largest(TO_AGENT.hello as Shape) <= LIMITS.helloBytes, 'a hello')
})
