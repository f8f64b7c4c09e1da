/** What the package's purge does on a host, whose /etc and /var are here empty filesystems of a mount namespace. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { REPOSITORY } from '../../build/programs.ts'

const POSTRM = join(REPOSITORY, 'packaging/debian/postrm')
const HOST = `
for place in /etc /run /var; do mount -t tmpfs none $place; done
cd /var; mkdir -p backups cache/rootferry/agent lib/rootferry/agent lib/rootferry/receiver /etc/rootferry
`
/** Runs the purge twice, as apt does when it was asked twice, and lists what there is then. */
const PURGE = `
sh "$0" purge && sh "$0" purge; echo ended with $?
find /etc/rootferry /var ! -type d -o -empty 2>&-`

/** @returns the lines of the answer, sorted; null: nothing can be mounted here */
function purged(before: string): string[] | null {
  if (spawnSync('unshare', ['-m', 'true']).status !== 0) return null
  const { stdout } = spawnSync('unshare', ['-m', 'sh', '-c', `${HOST}${before}${PURGE}`, POSTRM], { encoding: 'utf8' })
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.replace(/rootferry-trash-\w+/, 'TRASH'))
    .sort()
}

test('purge removes configuration, state and caches, and keeps what was moved out of docroots', (t) => {
  const files =
    'touch /etc/rootferry/token lib/rootferry/agent/index cache/rootferry/agent/x lib/rootferry/receiver/ledger'
  const left = purged(`${files}\nmkdir -p lib/rootferry/receiver/trash/shop\ntouch lib/rootferry/receiver/trash/shop/a`)
  if (left === null) return t.skip('nothing can be mounted here')
  assert.deepEqual(left, ['/var/backups/TRASH/trash/shop/a', '/var/cache', '/var/lib', 'ended with 0'])
})

test('purge ends well where a state directory is a mount, which it empties, and where another one lies in it', (t) => {
  const left = purged(`mount -t tmpfs none lib/rootferry/receiver; touch lib/rootferry/receiver/ledger
    mkdir lib/rootferry/agent/other; mount -t tmpfs none lib/rootferry/agent/other; touch lib/rootferry/agent/other/a`)
  if (left === null) return t.skip('nothing can be mounted here')
  const mounts = ['/var/lib/rootferry/agent/other/a', '/var/lib/rootferry/receiver']
  assert.deepEqual(left, ['/var/backups', '/var/cache', ...mounts, 'ended with 0'])
})

test('purge leaves a docroot that lies beside the state directories', (t) => {
  const left = purged('mkdir lib/rootferry/shop; touch lib/rootferry/shop/a')
  if (left === null) return t.skip('nothing can be mounted here')
  assert.deepEqual(left, ['/var/backups', '/var/cache', '/var/lib/rootferry/shop/a', 'ended with 0'])
})
