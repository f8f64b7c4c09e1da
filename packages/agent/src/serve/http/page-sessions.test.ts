/** How long a session of the page lasts, and what it may do meanwhile. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mintToken, type StoredToken } from '../door/tokens.ts'
import { LINK_SECONDS, PageSessions } from './page-sessions.ts'

const HOUR_MS = 3_600_000
const tokenOf = (name: string, admin: StoredToken['admin'] = true): StoredToken => {
  return { name, sha256: mintToken().sha256, admin, roots: null, createdAt: '' }
}

function desk(...tokens: StoredToken[]) {
  const clock = { nowMs: 0 }
  const inForce = new Map(tokens.map((token) => [token.sha256, token]))
  const sessions = new PageSessions({ inForce: (sha256) => inForce.get(sha256) ?? null, now: () => clock.nowMs })
  return { sessions, inForce, clock }
}

test('a session ends with its token, and has the rights that the token has now', () => {
  const ops = tokenOf('ops')
  const { sessions, inForce } = desk(ops)
  const secret = sessions.begin(ops)
  inForce.set(ops.sha256, { ...ops, admin: 'read' })
  assert.equal(sessions.tokenOf(secret)?.admin, 'read')
  inForce.clear()
  assert.equal(sessions.tokenOf(secret), null)
  inForce.set(ops.sha256, ops)
  assert.equal(sessions.tokenOf(secret), null, 'it is over for good')
})

test('a session lasts as long as it is used, and not much longer', () => {
  const ops = tokenOf('ops')
  const { sessions, clock } = desk(ops)
  const secret = sessions.begin(ops)
  for (let use = 0; use < 5; use += 1) {
    clock.nowMs += 11 * HOUR_MS
    assert.equal(sessions.tokenOf(secret)?.name, 'ops')
  }
  clock.nowMs += 13 * HOUR_MS
  assert.equal(sessions.tokenOf(secret), null)
})

test('of very many sessions the one that rested for longest makes room', () => {
  const ops = tokenOf('ops')
  const { sessions } = desk(ops)
  const [first = '', second = '', ...others] = Array.from({ length: 200 }, () => sessions.begin(ops))
  sessions.tokenOf(first)
  sessions.begin(ops)
  assert.equal(sessions.tokenOf(second), null)
  assert.ok([first, ...others].every((secret) => sessions.tokenOf(secret) !== null))
})

test('a link works once, and for some minutes', () => {
  const ops = tokenOf('ops')
  const { sessions, clock } = desk(ops)
  const code = sessions.link(ops)
  assert.equal(sessions.redeem(code)?.name, 'ops')
  assert.equal(sessions.redeem(code), null)
  const late = sessions.link(ops)
  clock.nowMs += LINK_SECONDS * 1_000 + 1
  assert.equal(sessions.redeem(late), null)
})
