/** What people type for a path of a root. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Failure } from '@rootferry/host/machine'
import { typedPath } from './typed-path.ts'

const ROOTS = ['/var/www/shop', '/var/www/shop2']

test('a path as shells complete it, and as it is on the disk', () => {
  for (const [typed, path] of [
    ['media', 'media'],
    ['./media/', 'media'],
    ['././media//', 'media'],
    ['media/a b/', 'media/a b'],
    ['/var/www/shop/media', 'media'],
    ['/var/www/shop2/media/', 'media'],
    ['...', '...'],
    ['.', '.'],
    ['./', '.'],
    ['/var/www/shop/', '.'],
  ] as const)
    assert.equal(typedPath(typed, ROOTS), path, typed)
})

test('a place outside the roots: 2, one line, and what is expected', () => {
  for (const typed of ['/', '/media', '/var/www/shop3/a'])
    assert.throws(
      () => typedPath(typed, ROOTS),
      (error: unknown) =>
        error instanceof Failure &&
        error.exitCode === 2 &&
        /^'\/.*' lies outside the roots: a path inside a root is expected/.test(error.message),
      typed,
    )
})

test('what is no path: 2, and the same line', () => {
  for (const [typed, fault] of [
    ['', 'is empty'],
    ['../a', "has a component '..'"],
    ['a//b', 'has an empty component'],
    ['a/./b', "has a component '.'"],
  ] as const)
    assert.throws(() => typedPath(typed, ROOTS), {
      exitCode: 2,
      message: `'${typed}' ${fault}: a path inside a root is expected, as media or /var/www/shop/media`,
    })
})
