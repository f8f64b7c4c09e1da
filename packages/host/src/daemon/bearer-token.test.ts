/** What can be a bearer token. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isBearerToken } from './bearer-token.ts'

test('what a header can carry is a token, and nothing else is', () => {
  for (const token of ['rf_x', 'a.b~c+d/e-f==']) assert.ok(isBearerToken(token), token)
  for (const text of ['', 'a b', 'a\nb', 'r\u00e4tsel', '\u20ac', '=', 'a'.repeat(257)])
    assert.ok(!isBearerToken(text), text)
})
