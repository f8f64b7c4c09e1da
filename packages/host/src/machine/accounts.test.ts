/** Accounts from the files, from a service where the files do not have them, and how long an answer of a service holds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { libc, TemporaryDirectory } from '../../test-support/temporary-directory.ts'
import { Accounts } from './accounts.ts'
import { ServiceAnswers } from './service-answers.ts'

test('an account that the files do not have is asked of the name service switch, where libc can be called', () => {
  using place = new TemporaryDirectory()
  place.write('passwd', 'shop:x:4711:4711::/:/bin/sh\n')
  place.write('group', 'shop:x:4711:\n')
  const alone = new Accounts(null, place.path)
  assert.equal(alone.users.nameOf(4711, 0), 'shop')
  assert.equal(alone.users.nameOf(0, 0), null)
  const accounts = new Accounts(libc().accounts, place.path)
  assert.equal(accounts.users.nameOf(4711, 0), 'shop')
  assert.equal(accounts.groups.nameOf(4711, 0), 'shop')
  assert.equal(accounts.users.nameOf(0, 0), 'root')
  assert.equal(accounts.groups.nameOf(0, 0), 'root')
  assert.equal(accounts.users.nameOf(3_999_999_999, 0), null)
})

test('an answer of a service holds for a minute, also that it knows none or could not be asked', () => {
  let [now, asked] = [0, 0]
  const answers = new ServiceAnswers(
    (id: number) => {
      asked += 1
      if (id === 2) throw Object.assign(new Error('EIO: no server'), { syscall: 'getpwuid_r', code: 'EIO' })
      return id === 1 ? 'ldap-user' : null
    },
    () => now,
  )
  for (let round = 0; round < 3; round += 1) {
    assert.deepEqual([answers.of(1), answers.of(2), answers.of(3)], ['ldap-user', null, null])
  }
  assert.equal(asked, 3)
  now = 60_000
  assert.equal(answers.of(1), 'ldap-user')
  assert.equal(asked, 4)
})
