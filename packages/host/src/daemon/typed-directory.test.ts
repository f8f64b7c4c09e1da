/** What a shell has left of a directory that was typed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { typedDirectory } from './typed-directory.ts'

test('a tilde that the shell has left is no directory', () => {
  for (const typed of ['~', '~/www'])
    assert.throws(() => typedDirectory(typed), { exitCode: 2, message: /^'~.*': '~' is not the home directory here/ })
})

test('other directories are taken from here', () => {
  assert.equal(typedDirectory('/var/www/~/shop/'), '/var/www/~/shop')
  assert.equal(typedDirectory('./~'), `${process.cwd()}/~`)
  assert.equal(typedDirectory('~shop'), `${process.cwd()}/~shop`)
})
