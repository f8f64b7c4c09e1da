/** What an operator's acceptance covers: the losses of the scan that follows, and no filesystem that goes amid it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Guard } from './guard.ts'
import { scanJudge } from './scan-judge.ts'

const REASON = 'media: the filesystem (nfs4) that was mounted there is missing'
const ALL_GONE = { removals: 100, moved: 0, additions: 0 }

function judged(mode: 'accepted' | 'judged') {
  const state: { seen: 'all there' | { missing: string } } = { seen: 'all there' }
  const borders = { look: () => state.seen, gone: new Set<string>(), forget: () => undefined }
  const guard = new Guard({ maxDeletePercent: 20, minDeletes: 10 })
  const index = { totals: { files: 100, directories: 1, symlinks: 0, bytes: 0 } }
  const parts = {
    guard,
    borders,
    mode: () => mode,
    hold: { look: () => undefined },
    index,
    withheld: { isEmpty: true },
  }
  return { state, judge: scanJudge(parts, true) }
}

test('an accepted scan passes whatever is gone', () => {
  assert.equal(judged('judged').judge(ALL_GONE, true).decision, 'halt')
  assert.equal(judged('accepted').judge(ALL_GONE, true).decision, 'pass')
})

test('a filesystem that goes amid an accepted scan halts the root', () => {
  const { state, judge } = judged('accepted')
  state.seen = { missing: REASON }
  assert.equal(judge(ALL_GONE, false).decision, 'withhold')
  assert.deepEqual(judge(ALL_GONE, true), { decision: 'halt', reason: REASON, isOfPart: false })
})
