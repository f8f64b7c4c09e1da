/** What people see of a name: every character, and no two names alike. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { printable } from './printable.ts'

test('what is not seen, or does something, is escaped; letters of all scripts stay as they are', () => {
  for (const [name, shown] of [
    ['media/a b.jpg', 'media/a b.jpg'],
    ['Größe/日本語/العربية/😀.jpg', 'Größe/日本語/العربية/😀.jpg'],
    ['a\nb\tc\\d', 'a\\nb\\tc\\\\d'],
    ['\u001b[31m\u202egpj', '\\u001b[31m\\u202egpj'],
    ['zero\u200bwidth\u00ad\ufeff\u2060', 'zero\\u200bwidth\\u00ad\\ufeff\\u2060'],
    ['no\u00a0break\u3000wide', 'no\\u00a0break\\u3000wide'],
    ['filler\u3164\u115f\u2800', 'filler\\u3164\\u115f\\u2800'],
    ['tag\u{e0041}', 'tag\\udb40\\udc41'],
    ['half\ud800', 'half\\ud800'],
  ] as const)
    assert.equal(printable(name), shown)
})

test('a name can be read back from what is shown', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (name) => {
      assert.equal(JSON.parse(`"${printable(name).replaceAll('"', '\\"')}"`), name)
    }),
  )
})
