/** Which strings are entry paths and which are not, by laws and by every hostile example we know. */
import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { posix } from 'node:path'
import { describe, it, test } from 'node:test'
import fc from 'fast-check'
import { entryPaths, names, pathsBelowRoot } from '../test-support/arbitraries.ts'
import { LIMITS } from './limits.ts'
import {
  baseName,
  isEntryPath,
  isReserved,
  isWithin,
  joinPath,
  parentPath,
  pathDepth,
  pathFault,
  ROOT_PATH,
} from './path.ts'

const RUNS = 1_000
/** 4,093 bytes in a third as many characters. */
const WIDE = `${`${'\u20ac'.repeat(84)}/`.repeat(16)}${'\u20ac'.repeat(15)}`

/** A path of exactly that many bytes, whose components are as long as they may be. */
function pathOfBytes(bytes: number): string {
  const path = `${'d'.repeat(LIMITS.nameBytes)}/`.repeat(Math.ceil(bytes / (LIMITS.nameBytes + 1))).slice(0, bytes)
  return path.endsWith('/') ? `${path.slice(0, -1)}e` : path
}

describe('an entry path', () => {
  const VALID = {
    'the root': '.',
    'a name': 'a',
    'a hidden name': '.htaccess',
    'dots that are no parent': '..x/x../...',
    'a name of 255 bytes': 'x'.repeat(255),
    'a name of 255 bytes in 85 characters': '\u20ac'.repeat(85),
    'a path of 4095 bytes': pathOfBytes(4095),
    'a path of 4095 bytes in fewer characters': `${WIDE}/x`,
    'a backslash, which is a character like any other': 'a\\..\\b',
    'a drive letter': 'C:\\Windows',
    'spaces at both ends': ' a /b ',
    'a newline and a tab': 'a\nb\tc',
    'terminal escapes': '\u001b[2J',
    'a leading dash': '-rf',
    'shell and glob characters': '$(id)`id`;*?[]{}~!',
    'percent encoding, which is never decoded': '%2e%2e/%00',
    'a URL': 'http:/evil',
    'two spellings of the same letter': '\u00e9/e\u0301',
    'the replacement character itself': '\ufffd',
    'a character outside the BMP': '\u{1f6a2}',
    'a lookalike of a slash': 'a\u2215b',
    'names of everything that objects have': '__proto__/constructor',
    'a hundred levels': Array(100).fill('d').join('/'),
  }
  for (const [what, path] of Object.entries(VALID)) {
    it(`may be ${what}`, () => assert.equal(pathFault(path), null))
  }

  const INVALID = {
    empty: '',
    absolute: '/etc/passwd',
    'only a slash': '/',
    'the parent': '..',
    'led outside at the start': '../x',
    'led outside in the middle': 'a/../../x',
    'ended by the parent': 'a/..',
    'a double slash': 'a//b',
    'two slashes at the start': '//server/share',
    'ended by a slash': 'a/',
    'led by a dot': './a',
    'a dot in the middle': 'a/./b',
    'ended by a dot': 'a/.',
    'a NUL': 'a\0.php',
    'only a NUL': '\0',
    'a high surrogate alone': 'a\ud800',
    'a low surrogate alone': '\udc00a',
    'surrogates the wrong way round': '\udc00\ud800',
    'a name of 256 bytes': 'x'.repeat(256),
    'a name of 256 bytes in 64 characters': '\u{1f6a2}'.repeat(64),
    'a long name at the end': `a/${'\u20ac'.repeat(86)}`,
    'a path of 4096 bytes': pathOfBytes(4096),
    'a path of 4096 bytes in fewer characters': `${WIDE}/xy`,
  }
  for (const [what, path] of Object.entries(INVALID)) {
    it(`may not be: ${what}`, () =>
      assert.match(pathFault(path) ?? 'is accepted', /^(is (empty|not|longer)|holds|has)/))
  }

  it('is what a plain reading of the rules says, for any text of dangerous pieces', () => {
    const pieces = fc.array(fc.constantFrom('/', '.', '..', 'a', '\0', '\ud83d', '\udea2', '\u20ac', '\\', ' '), {
      maxLength: 8,
    })
    const law = fc.property(pieces, (parts) => {
      const path = parts.join('')
      const components = path.split('/')
      const isPlain = components.every((name) => name !== '' && name !== '.' && name !== '..')
      const isPath = path === '.' || (isPlain && !path.includes('\0') && path.isWellFormed())
      assert.equal(isEntryPath(path), isPath)
    })
    fc.assert(law, { numRuns: RUNS })
  })

  it('survives UTF-8 and normalization, and so names one place only', () => {
    const law = fc.property(pathsBelowRoot, (path) => {
      assert.equal(Buffer.from(path).toString(), path)
      assert.equal(posix.normalize(path), path)
      assert.equal(posix.resolve('/srv/www', path), `/srv/www/${path}`)
    })
    fc.assert(law, { numRuns: RUNS })
  })

  it('is bounded in bytes and not in characters', () => {
    const law = fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 300 }), (text) => {
      const name = text.replaceAll('/', '_').replaceAll('\0', '_')
      if (name === '.' || name === '..') return
      assert.equal(isEntryPath(name), Buffer.byteLength(name) <= LIMITS.nameBytes)
    })
    fc.assert(law, { numRuns: RUNS })
    assert.equal(Buffer.byteLength(pathOfBytes(4096)), 4096)
  })
})

describe('parent, name and join', () => {
  it('undo each other', () => {
    const law = fc.property(entryPaths, names, (directory, name) => {
      const path = joinPath(directory, name)
      fc.pre(isEntryPath(path))
      assert.equal(parentPath(path), directory)
      assert.equal(baseName(path), name)
      assert.equal(pathDepth(path), pathDepth(directory) + 1)
    })
    fc.assert(law, { numRuns: RUNS })
  })

  it('lead from any path to the root in as many steps as it is deep', () => {
    const law = fc.property(pathsBelowRoot, (path) => {
      let at = path
      for (let steps = pathDepth(path); steps > 0; steps -= 1) {
        assert.notEqual(at, ROOT_PATH)
        assert.ok(isEntryPath(at))
        at = parentPath(at)
      }
      assert.equal(at, ROOT_PATH)
    })
    fc.assert(law, { numRuns: RUNS })
    assert.equal(pathDepth(ROOT_PATH), 0)
  })
})

describe('being within', () => {
  it('holds for a path, its ancestors and nothing else', () => {
    const law = fc.property(entryPaths, entryPaths, (path, other) => {
      const ancestors = new Set([path, ROOT_PATH])
      for (let at = path; at !== ROOT_PATH; at = parentPath(at)) ancestors.add(at)
      for (const ancestor of ancestors) assert.ok(isWithin(path, ancestor))
      assert.equal(isWithin(path, other), ancestors.has(other))
    })
    fc.assert(law, { numRuns: RUNS })
  })

  it('is about components and not about letters', () => {
    assert.equal(isWithin('www-evil', 'www'), false)
    assert.equal(isWithin('www-evil/a', 'www'), false)
    assert.equal(isWithin('www', 'www-evil'), false)
    assert.equal(isWithin('www/a', 'www'), true)
    assert.equal(isWithin(ROOT_PATH, 'www'), false)
    assert.equal(isWithin('.htaccess', ROOT_PATH), true)
  })
})

test('reserved are our own name at the top, lost+found anywhere, and what is below them', () => {
  for (const path of ['.rootferry', '.rootferry/a', 'lost+found', 'lost+found/#1', 'a/b/lost+found', 'a/lost+found/c'])
    assert.equal(isReserved(path), true, path)
  for (const path of ['.', 'a/.rootferry', '.rootferry2', 'lost+found2', 'my-lost+found/a', 'a/lost+founds'])
    assert.equal(isReserved(path), false, path)
})
