/** Digests of directories do not depend on the order of entries, and paths survive their shortening. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { entryPaths } from '../test-support/arbitraries.ts'
import { directoryDigest, lengthened, type SummarizedEntry, shortened } from './summary.ts'

const entry = (name: string, more: Partial<SummarizedEntry> = {}): SummarizedEntry => {
  return { name, letter: 'f', mode: 0o644, uid: 33, gid: 33, mtime: 1_767_225_600_123_456, rest: 6, ...more }
}

describe('the digest of a directory', () => {
  it('is the same in any order, also of names that are in another order as code units', () => {
    const names = ['a', 'B', '\ue000', '\u{1f600}', 'a b', '-']
    const digest = directoryDigest(names.map((name) => entry(name)))
    for (const others of [names.toReversed(), names.toSorted()])
      assert.equal(directoryDigest(others.map((name) => entry(name))), digest)
  })

  it('is that of the document', () => {
    assert.equal(directoryDigest([]), '47DEQpj8HBSa-_TImW-5JC')
    const entries = [
      entry('index.php'),
      entry('current', { letter: 'l', mode: 0, rest: 'releases/7' }),
      entry('app', { letter: 'd', mode: 0o755, rest: '' }),
    ]
    // printf '%s\0' app d 493 33 33 1767225600123456 '' current l 0 … | sha256sum
    assert.equal(directoryDigest(entries), 'RL_RScmP-6lmXcvt-SrjP_')
  })

  it('tells of every field', () => {
    const digests = [
      entry('a'),
      entry('b'),
      entry('a', { letter: 'd', rest: '' }),
      entry('a', { mode: 0o600 }),
      entry('a', { uid: 34 }),
      entry('a', { gid: 34 }),
      entry('a', { mtime: 1 }),
      entry('a', { rest: 7 }),
    ].map((one) => directoryDigest([one]))
    assert.equal(new Set(digests).size, digests.length)
  })
})

describe('the path of a directory in a summary', () => {
  it('comes back from what is left of it', () => {
    const law = fc.property(fc.array(entryPaths, { maxLength: 6 }), (paths) => {
      let before: string | null = null
      for (const path of paths.flatMap((one) => [one, `${one}/x`].slice(0, one === '.' ? 1 : 2))) {
        const [common, rest] = shortened(path, before)
        assert.equal(lengthened(common, rest, before), path)
        before = path
      }
    })
    fc.assert(law, { numRuns: 500 })
  })

  it('is shorter by what it has in common with the one before', () => {
    assert.deepEqual(shortened('vendor/magento/module', 'vendor/magento/other/view'), [2, 'module'])
    assert.deepEqual(shortened('app', '.'), [0, 'app'])
    assert.deepEqual(shortened('.', 'app'), [0, '.'])
  })

  it('is refused when there are not so many components before it', () => {
    assert.equal(lengthened(1, 'a', null), null)
    assert.equal(lengthened(1, 'a', '.'), null)
    assert.equal(lengthened(3, 'a', 'b/c'), null)
    assert.equal(lengthened(1, '.', 'b'), null)
  })
})
