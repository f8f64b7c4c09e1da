/**
 * Filters read patterns as git does: the rows below were compared with `git check-ignore` when they were written.
 *
 * A row says for each path whether it is excluded, by itself or through a directory above it; a path that ends with a
 * slash is a directory, one that ends with an @ a symlink, for which git's answer is another on purpose.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { entryPaths } from '../test-support/arbitraries.ts'
import { PathFilter } from './filter.ts'
import { parentPath, ROOT_PATH } from './path.ts'

interface Row {
  rule: string
  patterns: string[]
  out: string[]
  stays: string[]
}

const ROWS: Row[] = [
  { rule: 'nothing is left out without patterns', patterns: [], out: [], stays: ['a', 'a/', 'a/b'] },
  {
    rule: 'blank lines and comments say nothing',
    patterns: ['', '   ', '# a', '\\#b'],
    out: ['#b'],
    stays: ['a', '# a', ' a'],
  },
  {
    rule: 'a name matches at every depth',
    patterns: ['cache'],
    out: ['cache', 'a/b/cache', 'cache/x'],
    stays: ['cached', 'xcache'],
  },
  {
    rule: 'a leading slash binds to the root',
    patterns: ['/cache'],
    out: ['cache', 'cache/x'],
    stays: ['a/cache', 'a/cache/x'],
  },
  {
    rule: 'a slash in the middle binds to the root too',
    patterns: ['var/cache'],
    out: ['var/cache', 'var/cache/'],
    stays: ['a/var/cache'],
  },
  {
    rule: 'a trailing slash matches directories, and symlinks in their place',
    patterns: ['cache/'],
    out: ['cache/', 'a/cache/', 'cache/x', 'cache/x/y', 'cache@', 'a/cache@'],
    stays: ['cache', 'a/cache'],
  },
  {
    rule: 'a trailing slash takes symlinks back in, as it takes directories',
    patterns: ['/var/*', '!/var/keep/'],
    out: ['var/a@', 'var/keep'],
    stays: ['var/keep/', 'var/keep@'],
  },
  {
    rule: 'a star stays within a component',
    patterns: ['*.log', '/a/*/c'],
    out: ['x.log', '.log', 'd/x.log', 'a/b/c'],
    stays: ['x.logs', 'a/c', 'a/b/b/c', 'log'],
  },
  {
    rule: 'a question mark is one character, not a slash',
    patterns: ['a?c'],
    out: ['abc', 'd/abc'],
    stays: ['ac', 'abbc', 'a/c'],
  },
  { rule: 'brackets are a class of characters', patterns: ['[ab][!c]'], out: ['ad', 'ba'], stays: ['ac', 'cd', 'a'] },
  {
    rule: 'two stars cross directories',
    patterns: ['a/**/z', '**/m', 'q/**'],
    out: ['a/z', 'a/b/c/z', 'm', 'x/y/m', 'q/x', 'q/x/y'],
    stays: ['z', 'b/a/z', 'q', 'q/'],
  },
  { rule: 'the last match wins', patterns: ['*.log', '!keep.log', 'keep.log'], out: ['a.log', 'keep.log'], stays: [] },
  {
    rule: 'an exclamation mark takes back in',
    patterns: ['*.log', '!keep.log'],
    out: ['a.log', 'd/b.log'],
    stays: ['keep.log', 'd/keep.log'],
  },
  { rule: 'order decides, not which is more special', patterns: ['!keep.log', '*.log'], out: ['keep.log'], stays: [] },
  {
    rule: 'nothing below a directory that is out can be taken back in',
    patterns: ['var/', '!var/keep.txt'],
    out: ['var/', 'var/keep.txt', 'var/a/b'],
    stays: ['keep.txt'],
  },
  {
    rule: 'what is in a directory can be out while the directory is not',
    patterns: ['/var/*', '!/var/keep/'],
    out: ['var/a', 'var/b/'],
    stays: ['var/', 'var/keep/', 'var/keep/x'],
  },
  {
    rule: 'letters are not alike in upper and lower case',
    patterns: ['Cache', '*.LOG'],
    out: ['Cache', 'a.LOG'],
    stays: ['cache', 'a.log'],
  },
  {
    rule: 'a backslash takes away a special meaning',
    patterns: ['\\!a', '\\*b'],
    out: ['!a', '*b'],
    stays: ['a', 'xb'],
  },
  {
    rule: 'trailing spaces do not count unless escaped',
    patterns: ['a  ', 'b\\ '],
    out: ['a', 'b '],
    stays: ['a  ', 'b'],
  },
  { rule: 'hidden files match like all others', patterns: ['*'], out: ['.htaccess', 'a', 'a/.b'], stays: [] },
  {
    rule: 'letters beyond ASCII are letters',
    patterns: ['\u00fc*'],
    out: ['\u00fcber', 'a/\u00fc'],
    stays: ['u\u0308ber'],
  },
]

const kinds = fc.constantFrom('file', 'directory', 'symlink')
const bare = (path: string) => path.replace(/[/@]$/, '')
const kindOf = (path: string) => (path.endsWith('/') ? 'directory' : path.endsWith('@') ? 'symlink' : 'file')

describe('a filter', () => {
  for (const { rule, patterns, out, stays } of ROWS) {
    it(rule, () => {
      const filter = new PathFilter(patterns)
      for (const path of out) assert.ok(filter.excludesWithParents(bare(path), kindOf(path)), `${path} stays`)
      for (const path of stays) assert.ok(!filter.excludesWithParents(bare(path), kindOf(path)), `${path} is out`)
    })
  }

  it('never leaves out the root', () => {
    for (const pattern of ['*', '/', '.', '**', './', '/*', '/**']) {
      const filter = new PathFilter([pattern])
      assert.equal(filter.excludes(ROOT_PATH, 'directory'), false)
      assert.equal(filter.excludesWithParents(ROOT_PATH, 'directory'), false)
    }
  })

  it('keeps its patterns as they were given, for the other end', () => {
    const patterns = ['# why', '*.log', '!keep.log ']
    assert.deepEqual(new PathFilter(patterns).patterns, patterns)
  })

  it('takes any entry path, whatever is in its name', () => {
    const law = fc.property(entryPaths, kinds, (path, kind) => {
      const filter = new PathFilter(['*.log', '!x', '/a/'])
      assert.equal(typeof filter.excludesWithParents(path, kind), 'boolean')
    })
    fc.assert(law, { numRuns: 500 })
  })

  it('says the same of a path in a walk from the top as of the path alone', () => {
    const component = fc.constantFrom('a', 'b', 'cache', 'x.log', 'keep.log')
    const paths = fc.array(component, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'))
    const pattern = fc.constantFrom('a', '!a', 'cache/', '/a/*', '!/a/b', '*.log', '!keep.log', 'a/**/b', '**/cache')
    const law = fc.property(fc.array(pattern, { maxLength: 5 }), paths, kinds, (patterns, path, kind) => {
      const filter = new PathFilter(patterns)
      let isOut = false
      for (const ancestor of ancestorsOf(path)) isOut ||= filter.excludes(ancestor, 'directory')
      isOut ||= filter.excludes(path, kind)
      assert.equal(new PathFilter(patterns).excludesWithParents(path, kind), isOut)
    })
    fc.assert(law, { numRuns: 2_000 })
  })

  it('does not remember every path that it ever saw', () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const filter = new PathFilter(['*.log'])
    const heap = () => {
      collect()
      return process.memoryUsage().heapUsed
    }
    filter.excludes('a', 'file')
    const before = heap()
    for (let at = 0; at < 200_000; at += 1) filter.excludes(`${'d'.repeat(100)}${at}`, 'file')
    const grown = (heap() - before) / 1e6
    assert.ok(grown < 15, `${grown.toFixed(1)} MB for 200,000 paths`)
    assert.equal(filter.excludes('a.log', 'file'), true)
  })
})

/** The directories above a path, from the top down, without the root. */
function ancestorsOf(path: string): string[] {
  const parent = parentPath(path)
  return parent === ROOT_PATH ? [] : [...ancestorsOf(parent), parent]
}
