/** The priority of this very thread, and of the group that its process is in where there is one. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { constants, getPriority, setPriority } from 'node:os'
import { test } from 'node:test'
import { Precedence } from './precedence.ts'

const GROUP = '/proc/self/autogroup'
const present = () => [getPriority(), existsSync(GROUP) ? readFileSync(GROUP, 'utf8') : '']

function mayBeRaised(): boolean {
  const usual = getPriority()
  try {
    setPriority(constants.priority.PRIORITY_HIGH)
    setPriority(usual)
    return true
  } catch {
    return false
  }
}

test('a burst goes first where that is permitted, and everything is as it was afterwards', () => {
  const before = present()
  const isPermitted = mayBeRaised()
  const precedence = new Precedence()
  for (const _ of [1, 2]) {
    precedence.take()
    precedence.take()
    assert.equal(getPriority(), isPermitted ? constants.priority.PRIORITY_HIGH : before[0])
    precedence.giveBack()
    precedence.giveBack()
    assert.equal(getPriority(), before[0])
  }
  // Without the right to change it at any time the group has its usual priority a moment later.
  if (process.getuid?.() === 0 && isPermitted) assert.deepEqual(present(), before)
})

test('who goes first already is left as it is', () => {
  if (!mayBeRaised()) return
  const usual = getPriority()
  const given = constants.priority.PRIORITY_HIGHEST
  setPriority(given)
  try {
    const precedence = new Precedence()
    precedence.take()
    assert.equal(getPriority(), given)
    precedence.giveBack()
    assert.equal(getPriority(), given)
  } finally {
    setPriority(usual)
  }
})
