/** What arrives is as if it had been created in its directory: default ACLs, and the group of a set-group-id directory. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, lstatSync, mkdirSync } from 'node:fs'
import { getuid } from 'node:process'
import { type TestContext, test } from 'node:test'
import { directory, Feed, file, Scratch } from '../../../test-support/test-feed.ts'

const STRANGER = 12_345

function acl(...words: string[]): void {
  execFileSync('setfacl', words)
}

function aclOf(path: string): string {
  return execFileSync('getfacl', ['-cpn', path], { encoding: 'utf8' })
}

const modeOf = (path: string) => (lstatSync(path).mode & 0o7777).toString(8)

function mountedAt(place: string): Disposable | null {
  mkdirSync(place)
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m,mode=755', 'tmpfs', place]).status !== 0) return null
  return { [Symbol.dispose]: () => void execFileSync('umount', ['-l', place]) }
}

const TREE = [
  directory('sub/new', { mode: 0o750 }),
  file('sub/new/deep.php', 'deep', { mode: 0o640 }),
  file('sub/a.php', 'a', { mode: 0o644 }),
  directory('plain/new'),
  file('plain/new/b.php', 'b', { mode: 0o755 }),
  file('plain/c.php', 'c', { mode: 0o604 }),
]

async function acls(t: TestContext, isInside: boolean): Promise<void> {
  if (spawnSync('setfacl', ['--version']).status !== 0) return t.skip('there is no setfacl')
  using scratch = new Scratch()
  using mount = isInside ? mountedAt(scratch.at('target')) : { [Symbol.dispose]: () => undefined }
  if (mount === null) return t.skip('nothing can be mounted here')
  await using feed = await new Feed(scratch).open()
  feed.connect()
  await feed.commit([directory('plain'), directory('sub')])
  // Handed down to what is made from now on.
  acl('-d', '-m', `u:${STRANGER + 1}:r-x,m::r-x`, scratch.at('target'))
  acl('-d', '-m', `u:${STRANGER}:rwx,g::---,o::---`, scratch.at('target/sub'))
  await feed.commit(TREE)
  for (const path of ['sub/new', 'sub/new/deep.php', 'sub/a.php'])
    assert.match(aclOf(scratch.at('target', path)), new RegExp(`^user:${STRANGER}:rwx`, 'm'), path)
  assert.match(aclOf(scratch.at('target/sub/new')), new RegExp(`^default:user:${STRANGER}:rwx`, 'm'))
  for (const path of ['plain/new', 'plain/new/b.php', 'plain/c.php'])
    assert.doesNotMatch(aclOf(scratch.at('target', path)), /^user:\d|default/m, path)
  assert.deepEqual(
    ['sub/new', 'sub/new/deep.php', 'sub/a.php', 'plain/new/b.php', 'plain/c.php'].map((path) =>
      modeOf(scratch.at('target', path)),
    ),
    ['750', '640', '644', '755', '604'],
  )
  await feed.commit([file('sub/a.php', 'newer', { mode: 0o600 })])
  assert.match(
    aclOf(scratch.at('target/sub/a.php')),
    new RegExp(`^user:${STRANGER}:rwx`, 'm'),
    'also when it is replaced',
  )
  assert.equal(modeOf(scratch.at('target/sub/a.php')), '600')
}

test('default ACLs are inherited from where things lie, and modes are exact: staged in the state directory', (t) =>
  acls(t, false))
test('default ACLs are inherited from where things lie, and modes are exact: staged in the target', (t) =>
  acls(t, true))

test('where groups are not given, a set-group-id directory hands down its own', async (t) => {
  if (getuid?.() !== 0) return t.skip('only root can make such a directory for another group')
  using scratch = new Scratch()
  await using feed = await new Feed(scratch).open({ owner: 'keep' })
  feed.connect()
  await feed.commit([directory('plain'), directory('team')])
  chownSync(scratch.at('target/team'), -1, STRANGER)
  chmodSync(scratch.at('target/team'), 0o2775)
  await feed.commit([directory('team/new'), file('team/new/a', 'a'), file('team/b', 'b'), file('plain/c', 'c')])
  const groups = ['team/new', 'team/new/a', 'team/b', 'plain/c'].map(
    (path) => lstatSync(scratch.at('target', path)).gid,
  )
  assert.deepEqual(groups, [STRANGER, STRANGER, STRANGER, 0])
})
