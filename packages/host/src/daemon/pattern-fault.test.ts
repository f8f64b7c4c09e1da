/** Patterns that match nothing are distinguished from those that match, and the intended pattern is named. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { patternFault } from './pattern-fault.ts'

const place = mkdtempSync(join(tmpdir(), 'rootferry-patterns-'))
after(() => rmSync(place, { recursive: true, force: true }))
const root = join(place, 'shop')
mkdirSync(root)
symlinkSync(root, join(place, 'link'))

const NEVER: [pattern: string, says: string][] = [
  [`${root}/app/etc/env.php`, `'/app/etc/env.php' is meant`],
  [`${root.slice(1)}/app/etc/env.php`, `'/app/etc/env.php' is meant`],
  [`!${root}/pub/*.txt`, `'!/pub/*.txt' is meant`],
  [`${root}/var/`, `'/var/' is meant`],
  [`${root}`, `'*' is everything`],
  [`${root}/`, `'*' is everything`],
  ['./x', `'/x' is meant`],
  ['./var/', `'/var/' is meant`],
  ['a/./b', `'/a/b' is meant`],
  ['a//b', `'/a/b' is meant`],
  ['//a', `'/a' is meant`],
  ['.', `'*' is everything`],
  ['/', `'*' is everything`],
  ['./', `'*' is everything`],
  ['~/x', `'/x' is meant`],
  ['../x', 'none leads out of the root'],
  ['a/../x', 'cannot lead upwards'],
  ['!../x', 'none leads out of the root'],
  ['app\\etc\\env.php', `'app/etc/env.php' is meant`],
]
const CAN = [
  'app/etc/env.php',
  '/app/etc/env.php',
  'var/',
  '*.log',
  '**/cache/',
  '/var/*',
  '!keep',
  '',
  '   ',
  '# a note',
  '\\#b',
  '\\!a',
  '\\*b',
  'b\\ ',
  '.htaccess',
  '..a',
  'a..b',
  '~backup',
  '*~',
  '/.git/',
  '[ab]*',
  'a/**',
  `${root}-other`,
]

describe('a pattern that can never match is refused with the one that was meant', () => {
  for (const [pattern, says] of NEVER) {
    it(pattern.replace(place, '…'), () =>
      assert.ok(patternFault(pattern, root)?.includes(says), String(patternFault(pattern, root))),
    )
  }
  it('by the real path, where the root is reached by a symlink', () => {
    assert.match(patternFault(`${root}/a`, join(place, 'link')) ?? '', /'\/a' is meant/)
  })
})

describe('and so is one that leads into the root by another way', () => {
  const link = join(place, 'link')
  it('through a symlink, though the root is configured by its real path', () => {
    assert.match(patternFault(`${link}/a/*.txt`, root) ?? '', /'\/a\/\*\.txt' is meant/)
    assert.match(patternFault(`!${link}/var/`, root) ?? '', /'!\/var\/' is meant/)
    assert.match(patternFault(link, root) ?? '', /'\*' is everything/)
    assert.equal(patternFault(`${link}er/a`, root), null)
    assert.equal(patternFault(`${place}/l*k/a`, root), null)
  })
  it('by another mount of it', (t) => {
    const mount = join(place, 'mount')
    mkdirSync(mount)
    if (spawnSync('mount', ['--bind', root, mount]).status !== 0) return t.skip('nothing can be mounted here')
    assert.match(patternFault(`${mount}/a`, root) ?? '', /'\/a' is meant/)
    spawnSync('umount', [mount])
  })
})

describe('a pattern that can match is accepted', () => {
  for (const pattern of CAN) it(`'${pattern}'`, () => assert.equal(patternFault(pattern, root), null))
  it('also one that looks like the path of the root, where the root holds that very path', () => {
    mkdirSync(join(root, root), { recursive: true })
    assert.equal(patternFault(`${root}/a`, root), null)
    rmSync(join(root, root), { recursive: true })
  })
  it('also where the path of the root is a single name, which may come to be in it', () => {
    assert.equal(patternFault('/rootferry-no-such-root/etc/env.php', '/rootferry-no-such-root'), null)
  })
})
