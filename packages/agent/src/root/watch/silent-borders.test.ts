/** Which mounts below a root report no changes, and what status says about them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentBorders, silentReason } from './silent-borders.ts'

const at = (type: string) => ({ path: `on/${type}`, type })

test('network filesystems and FUSE below a root are named; local ones, overlays and bind mounts are not', () => {
  const silent = ['nfs', 'nfs4', 'cifs', 'smb3', 'fuse', 'fuse.sshfs', 'fuse.glusterfs', '9p', 'ceph', 'glusterfs']
  const local = ['ext4', 'xfs', 'btrfs', 'tmpfs', 'overlay', 'zfs', 'fuseblk', 'nfsd']
  assert.deepEqual(
    silentBorders([...silent, ...local].map(at)).map(({ type }) => type),
    silent,
  )
  assert.equal(silentReason(silentBorders(local.map(at))), null)
  assert.match(silentReason(silentBorders([at('nfs4'), at('tmpfs')])) ?? '', /below on\/nfs4 \(nfs4\): /)
})
