/** The explanation of a path names the pattern by which the filter decides. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PathFilter } from '@rootferry/protocol'
import fc from 'fast-check'
import { explainPath } from './explain-path.ts'

const named = (...patterns: string[]) => patterns.map((pattern) => ({ pattern, source: `of ${pattern}` }))

test('the last pattern that matches decides, and an excluded directory decides for what is below it', () => {
  const patterns = named('*.log', '!keep.log', '/var/', '!/var/keep/')
  assert.deepEqual(explainPath(patterns, 'a/b.php', 'file'), {
    isExcluded: false,
    decidedAt: 'a/b.php',
    pattern: null,
  })
  assert.deepEqual(explainPath(patterns, 'a/b.log', 'file').pattern?.pattern, '*.log')
  assert.deepEqual(explainPath(patterns, 'a/keep.log', 'file'), {
    isExcluded: false,
    decidedAt: 'a/keep.log',
    pattern: { pattern: '!keep.log', source: 'of !keep.log' },
  })
  const below = explainPath(patterns, 'var/keep/a', 'file')
  assert.deepEqual([below.isExcluded, below.decidedAt, below.pattern?.pattern], [true, 'var', '/var/'])
})

test('what is explained is what the filter does', () => {
  const name = fc.constantFrom('a', 'b', 'c')
  const pattern = fc
    .tuple(
      fc.constantFrom('', '!'),
      fc.constantFrom('', '/'),
      fc.array(name, { minLength: 1, maxLength: 3 }),
      fc.constantFrom('', '/'),
    )
    .map(([no, anchor, parts, end]) => `${no}${anchor}${parts.join('/')}${end}`)
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
  const kinds = fc.constantFrom('file' as const, 'directory' as const, 'symlink' as const)
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 6 }), path, kinds, (patterns, where, kind) => {
      const expected = new PathFilter(patterns).excludesWithParents(where, kind)
      assert.equal(explainPath(named(...patterns), where, kind).isExcluded, expected)
    }),
    { numRuns: 2_000 },
  )
})
